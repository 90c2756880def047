/// How turns become one text with special tokens.
///
/// Templates are programs in Jinja; instead of running them, the runtime knows the published ones by their
/// text, see ``recognize(_:path:)``.
struct ChatTemplate: Sendable, Equatable {
    /// Who speaks.
    enum Role: String, Sendable {
        case system
        case user
    }

    /// What one speaker says.
    struct Turn: Sendable {
        let role: Role
        let parts: [PromptPart]
    }

    /// A piece of the rendered prompt.
    enum Piece: Sendable {
        case token(SpecialToken)
        case text(String)
        case image(PreparedImage)
    }

    /// Tokens that templates insert.
    enum SpecialToken: String, Sendable, CaseIterable {
        case turnStart = "<|im_start|>"
        case turnEnd = "<|im_end|>"
        case visionStart = "<|vision_start|>"
        case visionEnd = "<|vision_end|>"
        case imagePad = "<|image_pad|>"
        case thinkStart = "<think>"
    }

    /// What users call the template, for example `qwen3-vl`.
    let name: String
    /// What the system turn says when the first turn is not one; nil leaves it out.
    let defaultSystemMessage: String?
    /// Whether the answer begins inside a `<think>` block.
    let opensThinking: Bool

    /// The template of Qwen2-VL and Qwen2.5-VL.
    static let qwen2VL = ChatTemplate(
        name: "qwen2-vl",
        defaultSystemMessage: "You are a helpful assistant.",
        opensThinking: false
    )

    /// The template of Qwen3-VL Instruct.
    static let qwen3VL = ChatTemplate(name: "qwen3-vl", defaultSystemMessage: nil, opensThinking: false)

    /// The template of Qwen3-VL Thinking.
    static let qwen3VLThinking = ChatTemplate(
        name: "qwen3-vl-thinking",
        defaultSystemMessage: nil,
        opensThinking: true
    )

    /// All templates that the runtime has.
    static let all = [qwen2VL, qwen3VL, qwen3VLThinking]

    /// The template with a name of ``all``; nil for any other.
    static func named(_ name: String) -> ChatTemplate? {
        all.first { $0.name == name }
    }

    /// The tokens that this template inserts.
    var tokens: [SpecialToken] {
        SpecialToken.allCases.filter { opensThinking || $0 != .thinkStart }
    }

    /// The prompt for some turns, up to where the answer begins.
    func pieces(of turns: [Turn]) -> [Piece] {
        let answer: [Piece] = [.token(.turnEnd), .text("\n"), .token(.turnStart), .text("assistant\n")]
        return opening(of: turns) + answer + (opensThinking ? [.token(.thinkStart), .text("\n")] : [])
    }

    /// The prompt up to the last part of the last turn, which stays open.
    func opening(of turns: [Turn]) -> [Piece] {
        var turns = turns
        if let defaultSystemMessage, turns.first?.role != .system {
            turns.insert(Turn(role: .system, parts: [.text(defaultSystemMessage)]), at: 0)
        }
        var pieces: [Piece] = []
        for (index, turn) in turns.enumerated() {
            if index > 0 {
                pieces += [.token(.turnEnd), .text("\n")]
            }
            pieces += [.token(.turnStart), .text(turn.role.rawValue + "\n")]
            for part in turn.parts {
                switch part {
                case .text(let text): pieces.append(.text(text))
                case .image(let image): pieces += [.token(.visionStart), .image(image), .token(.visionEnd)]
                }
            }
        }
        return pieces
    }
}
