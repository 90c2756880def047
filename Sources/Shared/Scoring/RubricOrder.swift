/// The order in which source image, edited image and text stand in the prompt.
///
/// On the wire it is a text such as `source,edited,text`. Another order is another reward: it changes the rubric's
/// hash.
package struct RubricOrder: Codable, Sendable, Hashable, CustomStringConvertible {
    /// One part of the prompt.
    package enum Part: String, Sendable, CaseIterable {
        /// The image before the edit.
        case source
        /// The candidate.
        case edited
        /// The rubric's text.
        case text
    }

    /// The parts, each exactly once.
    package let parts: [Part]

    /// Source image, edited image, text: the published order.
    package static let published = RubricOrder(checked: [.source, .edited, .text])
    /// Source image, text, edited image: more of the prompt is shared by a group.
    package static let textBeforeEdited = RubricOrder(checked: [.source, .text, .edited])

    private init(checked parts: [Part]) {
        self.parts = parts
    }

    /// Reads a text such as `source,edited,text`; `nil` unless it names each part exactly once.
    package init?(_ text: String) {
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
            .map { $0.filter { $0 != " " } }
        let found = names.compactMap { Part(rawValue: $0) }
        guard names.count == Part.allCases.count, Set(found).count == Part.allCases.count else { return nil }
        self.init(checked: found)
    }

    /// Reads the text; throws a `DecodingError` for anything that is no order.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let order = RubricOrder(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(text)\" is no order; name source, edited, text once each, with commas"
            )
        }
        self = order
    }

    /// Writes the text.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The text, such as `source,edited,text`.
    package var description: String {
        parts.map(\.rawValue).joined(separator: ",")
    }
}
