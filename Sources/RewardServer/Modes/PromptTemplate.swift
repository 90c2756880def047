/// The text of a rubric with places for the instruction and the requirement.
///
/// What a user writes is put in once and never read again: an instruction that contains `{requirement}` stays as it
/// is. `{{` and `}}` stand for a brace.
struct PromptTemplate: Sendable, Hashable {
    private enum Segment: Hashable {
        case text(String)
        case instruction
        case requirement
    }

    private let segments: [Segment]

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - text: The template.
    ///   - name: What errors call the rubric.
    /// - Throws: ``RubricError/unknownPlaceholder(rubric:placeholder:)`` or ``RubricError/strayBrace(rubric:near:)``.
    init(_ text: String, name: String) throws(RubricError) {
        var segments: [Segment] = []
        var literal = ""
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("{{") || rest.hasPrefix("}}") {
                literal.append(character)
                rest = rest.dropFirst(2)
            } else if character == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw .strayBrace(rubric: name, near: String(rest.prefix(20)))
                }
                let placeholder = String(rest[rest.index(after: rest.startIndex)..<end])
                segments.append(.text(literal))
                literal = ""
                switch placeholder {
                case "instruction": segments.append(.instruction)
                case "requirement": segments.append(.requirement)
                default: throw .unknownPlaceholder(rubric: name, placeholder: String(placeholder.prefix(40)))
                }
                rest = rest[rest.index(after: end)...]
            } else if character == "}" {
                throw .strayBrace(rubric: name, near: String(rest.prefix(20)))
            } else {
                literal.append(character)
                rest = rest.dropFirst()
            }
        }
        segments.append(.text(literal))
        self.segments = segments.filter { $0 != .text("") }
    }

    /// Puts an edit's texts into their places.
    ///
    /// - Parameters:
    ///   - instruction: What the edit was asked to do.
    ///   - requirement: What a good result must fulfil; may be empty.
    /// - Returns: The text part of the prompt.
    func filled(instruction: String, requirement: String) -> String {
        segments.reduce(into: "") { result, segment in
            switch segment {
            case .text(let text): result += text
            case .instruction: result += instruction
            case .requirement: result += requirement
            }
        }
    }
}
