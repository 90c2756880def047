/// A part of a reply that a request may ask for by name; `options.return` is a list of them.
///
/// A candidate's `score`, `raw`, `argmax` and `warnings` are in every reply.
package enum ReplyPart: String, Codable, Sendable, CaseIterable {
    /// The label probabilities.
    case probabilities = "probs"
    /// `entropy`, `entropy_norm` and `stddev`.
    case entropy
    /// The labels' share of the full softmax, the only part that takes all rows of the output head.
    case mass
    /// What the request cost in milliseconds.
    case timings

    /// Reads a name; throws a `DecodingError` that lists all of them for another one.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let part = ReplyPart(rawValue: name) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "unknown part \"\(name.prefix(80))\"; known here: \(known)"
            )
        }
        self = part
    }
}

extension EditScoresResponse {
    /// The reply without the parts that are not asked for.
    ///
    /// - Parameter parts: What to keep; `nil` keeps everything.
    /// - Returns: The reply.
    package func keeping(_ parts: [ReplyPart]?) -> EditScoresResponse {
        guard let parts else { return self }
        var reply = self
        if !parts.contains(.timings) { reply.timings = nil }
        for index in scores.indices {
            guard case .score(var score) = scores[index].outcome else { continue }
            if !parts.contains(.probabilities) { score.probabilities = nil }
            if !parts.contains(.entropy) {
                (score.entropy, score.normalizedEntropy, score.standardDeviation) = (nil, nil, nil)
            }
            if !parts.contains(.mass) { score.mass = nil }
            reply.scores[index].outcome = .score(score)
        }
        return reply
    }
}
