/// The rubric that a request asks for: one that the server knows, or one that the request brings.
package enum RubricReference: Codable, Sendable, Equatable {
    /// A rubric that the server lists under `/v1/rubrics`.
    case named(String)
    /// A rubric in full.
    case inline(RubricDocument)

    /// Reads a text as a name and an object as a rubric.
    package init(from decoder: any Decoder) throws {
        if let name = try? decoder.singleValueContainer().decode(String.self) {
            self = .named(name)
        } else {
            self = .inline(try RubricDocument(from: decoder))
        }
    }

    /// Writes a name as a text and a rubric as an object.
    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .named(let name):
            var container = encoder.singleValueContainer()
            try container.encode(name)
        case .inline(let document):
            try document.encode(to: encoder)
        }
    }
}
