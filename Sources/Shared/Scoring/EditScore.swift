/// What the judge says about one candidate; optional parts are `nil` when the request did not ask for them.
package struct EditScore: Codable, Sendable, Equatable {
    /// The expected value, mapped to 0...1.
    package var score: Double
    /// The expected value on the rubric's own scale.
    package var raw: Double
    /// Label → probability after the softmax over the labels; sums to 1.
    package var probabilities: [String: Double]?
    /// The label of the highest probability.
    package var argmax: String
    /// Entropy of the labels' distribution, in nats.
    package var entropy: Double?
    /// ``entropy`` divided by the logarithm of the number of labels, 0...1.
    package var normalizedEntropy: Double?
    /// Standard deviation of the labels' distribution, in units of ``score``.
    package var standardDeviation: Double?
    /// Probability that the full softmax gives to all labels together, 0...1.
    package var mass: Double?
    /// What the reader should know, as codes: `low_label_mass`.
    package var warnings: [String]

    /// Describes a score.
    ///
    /// - Parameters:
    ///   - score: The expected value, mapped to 0...1.
    ///   - raw: The expected value on the rubric's scale.
    ///   - probabilities: Label → probability.
    ///   - argmax: The label of the highest probability.
    ///   - entropy: In nats.
    ///   - normalizedEntropy: 0...1.
    ///   - standardDeviation: In units of `score`.
    ///   - mass: 0...1.
    ///   - warnings: Codes.
    package init(
        score: Double,
        raw: Double,
        probabilities: [String: Double]? = nil,
        argmax: String,
        entropy: Double? = nil,
        normalizedEntropy: Double? = nil,
        standardDeviation: Double? = nil,
        mass: Double? = nil,
        warnings: [String] = []
    ) {
        self.score = score
        self.raw = raw
        self.probabilities = probabilities
        self.argmax = argmax
        self.entropy = entropy
        self.normalizedEntropy = normalizedEntropy
        self.standardDeviation = standardDeviation
        self.mass = mass
        self.warnings = warnings
    }

    private enum CodingKeys: String, CodingKey {
        case score, raw
        case probabilities = "probs"
        case argmax, entropy
        case normalizedEntropy = "entropy_norm"
        case standardDeviation = "stddev"
        case mass, warnings
    }
}

/// Why a candidate has no score.
package struct ScoreFailure: Codable, Sendable, Equatable, Error, CustomStringConvertible {
    /// The kind: `invalid_image`, `low_label_mass`, `model_error`.
    package var type: String
    /// The exact reason, such as `truncated_png`; `nil` when the type says it all.
    package var code: String?
    /// One line for people.
    package var message: String

    /// Describes a failure.
    ///
    /// - Parameters:
    ///   - type: The kind.
    ///   - code: The exact reason.
    ///   - message: One line for people.
    package init(type: String, code: String? = nil, message: String) {
        self.type = type
        self.code = code
        self.message = message
    }

    /// The message.
    package var description: String { message }
}

/// A score or a failure, never both and never neither: a failure cannot be read as a number.
package enum ScoreOutcome: Codable, Sendable, Equatable {
    /// The judge answered.
    case score(EditScore)
    /// There is no number.
    case failure(ScoreFailure)

    /// The score, `nil` for a failure.
    package var score: EditScore? {
        if case .score(let score) = self { score } else { nil }
    }

    /// The failure, `nil` for a score.
    package var failure: ScoreFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }

    /// Reads the fields of a score, or `error`; throws a `DecodingError` when both or neither are there, and for a
    /// score outside 0...1.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let failure = try container.decodeIfPresent(ScoreFailure.self, forKey: .error) {
            guard !container.contains(.score) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .score,
                    in: container,
                    debugDescription: "an item has both a score and an error"
                )
            }
            self = .failure(failure)
            return
        }
        let score = try EditScore(from: decoder)
        guard (0...1).contains(score.score) else {
            throw DecodingError.dataCorruptedError(
                forKey: .score,
                in: container,
                debugDescription: "the score \(score.score) is outside 0...1"
            )
        }
        self = .score(score)
    }

    /// Writes the fields of a score, or `error`.
    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .score(let score):
            try score.encode(to: encoder)
        case .failure(let failure):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(failure, forKey: .error)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case score, error
    }
}
