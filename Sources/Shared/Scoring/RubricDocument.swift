/// How a judge is asked and how its answer is read: the object of a rubric file and of a request.
package struct RubricDocument: Codable, Sendable, Equatable {
    /// The rubric's name; not part of its identity.
    package var name: String?
    /// The text part of the prompt, with `{instruction}` and `{requirement}`; `{{` and `}}` stand for braces.
    package var template: String
    /// The order of the prompt's parts; `nil` means source, edited, text.
    package var order: RubricOrder?
    /// The answers that count, and what each is worth.
    package var labels: [RubricLabel]
    /// How the expected value becomes a score; `nil` and `minmax` (the only kind) map the scale to 0...1.
    package var normalize: String?

    /// Describes a rubric.
    ///
    /// - Parameters:
    ///   - name: The rubric's name.
    ///   - template: The text part of the prompt.
    ///   - order: The order of the prompt's parts.
    ///   - labels: The answers that count.
    ///   - normalize: How the expected value becomes a score.
    package init(
        name: String? = nil,
        template: String,
        order: RubricOrder? = nil,
        labels: [RubricLabel],
        normalize: String? = nil
    ) {
        self.name = name
        self.template = template
        self.order = order
        self.labels = labels
        self.normalize = normalize
    }

    /// Reads the object; throws a `DecodingError` for an unknown key.
    package init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decodeIfPresent(String.self, forKey: .name)
        template = try container.decode(String.self, forKey: .template)
        order = try container.decodeIfPresent(RubricOrder.self, forKey: .order)
        labels = try container.decode([RubricLabel].self, forKey: .labels)
        normalize = try container.decodeIfPresent(String.self, forKey: .normalize)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case name, template, order, labels, normalize
    }
}

/// One value of a scale, and the tokens that say it.
package struct RubricLabel: Codable, Sendable, Equatable {
    /// The spellings of the value, each one token; the first names the label in replies.
    package var tokens: [String]
    /// What the answer is worth on the scale.
    package var value: Double

    /// Describes a label.
    ///
    /// - Parameters:
    ///   - tokens: The spellings of the value.
    ///   - value: What the answer is worth.
    package init(tokens: [String], value: Double) {
        self.tokens = tokens
        self.value = value
    }

    /// Reads the object; throws a `DecodingError` for an unknown key.
    package init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        tokens = try container.decode([String].self, forKey: .tokens)
        value = try container.decode(Double.self, forKey: .value)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case tokens, value
    }
}
