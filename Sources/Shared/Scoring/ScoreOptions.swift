/// How the answer's logits become a score.
package struct ScoreOptions: Codable, Sendable, Equatable {
    /// What the logits are divided by before the softmax over the labels; above 0, 1 when `nil`.
    package var temperature: Double?
    /// Label mass below which a candidate becomes an error, 0...1; 0 when `nil`.
    package var minimumMass: Double?
    /// Milliseconds after which the request is given up; `nil` waits as long as the server allows.
    package var deadlineMilliseconds: Int?
    /// What the reply holds besides the score; `nil` takes all there is.
    package var returned: [ReplyPart]?

    /// Sets options; what is left out is the server's default.
    ///
    /// - Parameters:
    ///   - temperature: What the logits are divided by.
    ///   - minimumMass: Label mass below which a candidate becomes an error.
    ///   - deadlineMilliseconds: Milliseconds after which the request is given up.
    ///   - returned: What the reply holds besides the score.
    package init(
        temperature: Double? = nil,
        minimumMass: Double? = nil,
        deadlineMilliseconds: Int? = nil,
        returned: [ReplyPart]? = nil
    ) {
        self.temperature = temperature
        self.minimumMass = minimumMass
        self.deadlineMilliseconds = deadlineMilliseconds
        self.returned = returned
    }

    /// Whether the labels' mass is asked for, by name or by a least one: it takes all rows of the output head.
    package var wantsMass: Bool {
        returned?.contains(.mass) ?? true || minimumMass ?? 0 > 0
    }

    /// Reads the object; throws a `DecodingError` for an unknown key.
    package init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        temperature = try container.decodeIfPresent(Double.self, forKey: .temperature)
        minimumMass = try container.decodeIfPresent(Double.self, forKey: .minimumMass)
        deadlineMilliseconds = try container.decodeIfPresent(Int.self, forKey: .deadlineMilliseconds)
        returned = try container.decodeIfPresent([ReplyPart].self, forKey: .returned)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case temperature
        case minimumMass = "min_mass"
        case deadlineMilliseconds = "deadline_ms"
        case returned = "return"
    }
}
