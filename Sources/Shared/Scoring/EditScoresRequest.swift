/// One group to be scored: a source image, an instruction, and the edits of that source.
///
/// The body of `POST /v1/edit-scores`. Decoding is strict: a key that is not one of these is an error that names
/// it, since an option that is silently ignored would change the scores' meaning.
package struct EditScoresRequest: Codable, Sendable, Equatable {
    /// The model that is asked for; `nil` takes the one that the server has.
    package var model: String?
    /// The image before the edit.
    package var source: SourceImage
    /// What the edit was asked to do.
    package var instruction: String
    /// What a good result must fulfil; `nil` and an empty text mean the same.
    package var requirement: String?
    /// The candidates, in the order in which the scores come back.
    package var edits: [EditCandidate]
    /// How to ask; `nil` takes the model's own default rubric.
    package var rubric: RubricReference?
    /// How to read the answer.
    package var options: ScoreOptions?
    /// Whether one failed candidate fails the whole request.
    package var strict: Bool?

    /// Describes a group.
    ///
    /// - Parameters:
    ///   - model: The model that is asked for.
    ///   - source: The image before the edit.
    ///   - instruction: What the edit was asked to do.
    ///   - requirement: What a good result must fulfil.
    ///   - edits: The candidates, in order.
    ///   - rubric: How to ask.
    ///   - options: How to read the answer.
    ///   - strict: Whether one failed candidate fails the whole request.
    package init(
        model: String? = nil,
        source: SourceImage,
        instruction: String,
        requirement: String? = nil,
        edits: [EditCandidate],
        rubric: RubricReference? = nil,
        options: ScoreOptions? = nil,
        strict: Bool? = nil
    ) {
        self.model = model
        self.source = source
        self.instruction = instruction
        self.requirement = requirement
        self.edits = edits
        self.rubric = rubric
        self.options = options
        self.strict = strict
    }

    /// Reads a request; throws a `DecodingError` for an unknown key, a missing one or a wrong type.
    package init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        model = try container.decodeIfPresent(String.self, forKey: .model)
        source = try container.decode(SourceImage.self, forKey: .source)
        instruction = try container.decode(String.self, forKey: .instruction)
        requirement = try container.decodeIfPresent(String.self, forKey: .requirement)
        edits = try container.decode([EditCandidate].self, forKey: .edits)
        rubric = try container.decodeIfPresent(RubricReference.self, forKey: .rubric)
        options = try container.decodeIfPresent(ScoreOptions.self, forKey: .options)
        strict = try container.decodeIfPresent(Bool.self, forKey: .strict)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case model, source, instruction, requirement, edits, rubric, options, strict
    }
}

/// The image before the edit, as a request carries it.
package struct SourceImage: Codable, Sendable, Equatable {
    /// A data URI of a PNG or JPEG file, see ``DataURI``.
    package var image: String

    /// Wraps a data URI.
    package init(image: String) {
        self.image = image
    }

    /// Reads the object; throws a `DecodingError` for an unknown key.
    package init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        image = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .image)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case image
    }
}

/// One candidate of a group, as a request carries it.
package struct EditCandidate: Codable, Sendable, Equatable {
    /// The caller's name of the candidate; `nil` is replaced by its index.
    package var id: String?
    /// A data URI of a PNG or JPEG file, see ``DataURI``.
    package var image: String

    /// Names a candidate.
    ///
    /// - Parameters:
    ///   - id: The caller's name of the candidate.
    ///   - image: A data URI.
    package init(id: String? = nil, image: String) {
        self.id = id
        self.image = image
    }

    /// Reads the object; throws a `DecodingError` for an unknown key.
    package init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decodeIfPresent(String.self, forKey: .id)
        image = try container.decode(String.self, forKey: .image)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case id, image
    }
}
