/// The reply to an ``EditScoresRequest``: one outcome for each candidate, in the order of the request.
///
/// Decoding ignores keys that it does not know, so that an older client reads a newer server.
package struct EditScoresResponse: Codable, Sendable, Equatable {
    /// The reply's own name, `es_…`.
    package var id: String
    /// Always `edit_scores`.
    package var object: String
    /// Seconds since 1970 at which the reply was made.
    package var created: Int
    /// The model that judged.
    package var model: String
    /// The identity of the model's files, `sha256:…`.
    package var modelFingerprint: String
    /// The rubric that was used.
    package var rubric: RubricIdentity
    /// The identity of the image preprocessing, `sha256:…`.
    package var preprocessHash: String
    /// One item for each candidate, in order.
    package var scores: [EditScoreItem]
    /// Statistics of the scores that exist.
    package var group: GroupSummary
    /// What the request cost, in tokens and images.
    package var usage: ScoreUsage
    /// What the request cost, in milliseconds; `nil` when the request did not ask for it.
    package var timings: ScoreTimings?

    /// Describes a reply.
    ///
    /// - Parameters:
    ///   - id: The reply's own name.
    ///   - created: Seconds since 1970.
    ///   - model: The model that judged.
    ///   - modelFingerprint: The identity of the model's files.
    ///   - rubric: The rubric that was used.
    ///   - preprocessHash: The identity of the image preprocessing.
    ///   - scores: One item for each candidate, in order; ``group`` is computed from them.
    ///   - usage: Tokens and images.
    ///   - timings: Milliseconds.
    package init(
        id: String,
        created: Int,
        model: String,
        modelFingerprint: String,
        rubric: RubricIdentity,
        preprocessHash: String,
        scores: [EditScoreItem],
        usage: ScoreUsage,
        timings: ScoreTimings
    ) {
        self.id = id
        object = "edit_scores"
        self.created = created
        self.model = model
        self.modelFingerprint = modelFingerprint
        self.rubric = rubric
        self.preprocessHash = preprocessHash
        self.scores = scores
        group = GroupSummary(scores)
        self.usage = usage
        self.timings = timings
    }

    private enum CodingKeys: String, CodingKey {
        case id, object, created, model
        case modelFingerprint = "model_fingerprint"
        case rubric
        case preprocessHash = "preprocess_hash"
        case scores, group, usage, timings
    }
}

/// The name and the identity of a rubric.
package struct RubricIdentity: Codable, Sendable, Hashable {
    /// The rubric's name.
    package var name: String
    /// The digest of its template, order, labels and normalisation, `sha256:…`.
    package var hash: String

    /// Names a rubric.
    ///
    /// - Parameters:
    ///   - name: The rubric's name.
    ///   - hash: The digest of its content.
    package init(name: String, hash: String) {
        self.name = name
        self.hash = hash
    }
}

/// The outcome of one candidate.
package struct EditScoreItem: Codable, Sendable, Equatable {
    /// The caller's name of the candidate, or its index as a text.
    package var id: String
    /// Its place in the request, from 0.
    package var index: Int
    /// The score or the failure.
    package var outcome: ScoreOutcome

    /// Describes an item.
    ///
    /// - Parameters:
    ///   - id: The caller's name of the candidate.
    ///   - index: Its place in the request.
    ///   - outcome: The score or the failure.
    package init(id: String, index: Int, outcome: ScoreOutcome) {
        self.id = id
        self.index = index
        self.outcome = outcome
    }

    /// Reads an item; its outcome's fields stand beside `id` and `index`.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        index = try container.decode(Int.self, forKey: .index)
        outcome = try ScoreOutcome(from: decoder)
    }

    /// Writes an item; its outcome's fields stand beside `id` and `index`.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(index, forKey: .index)
        try outcome.encode(to: encoder)
    }

    private enum CodingKeys: String, CodingKey {
        case id, index
    }
}
