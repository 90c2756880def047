/// How the answer's logits become a score.
public struct ScoreOptions: Codable, Sendable, Equatable {
    /// What the logits are divided by before the softmax over the labels; above 0, 1 when `nil`.
    public var temperature: Double?
    /// Label mass below which a candidate becomes an error, 0...1; 0 when `nil`.
    public var minimumMass: Double?
    /// Milliseconds after which the request is given up; `nil` waits as long as the server allows.
    public var deadlineMilliseconds: Int?

    /// Sets options; what is left out is the server's default.
    ///
    /// - Parameters:
    ///   - temperature: What the logits are divided by.
    ///   - minimumMass: Label mass below which a candidate becomes an error.
    ///   - deadlineMilliseconds: Milliseconds after which the request is given up.
    public init(temperature: Double? = nil, minimumMass: Double? = nil, deadlineMilliseconds: Int? = nil) {
        self.temperature = temperature
        self.minimumMass = minimumMass
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// Reads the object; throws a `DecodingError` for an unknown key.
    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        temperature = try container.decodeIfPresent(Double.self, forKey: .temperature)
        minimumMass = try container.decodeIfPresent(Double.self, forKey: .minimumMass)
        deadlineMilliseconds = try container.decodeIfPresent(Int.self, forKey: .deadlineMilliseconds)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case temperature
        case minimumMass = "min_mass"
        case deadlineMilliseconds = "deadline_ms"
    }
}
