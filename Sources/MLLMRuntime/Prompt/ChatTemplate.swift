internal import Foundation
internal import Shared

/// How turns become one text with special tokens: the template of a model, recognised by its text.
///
/// Templates are programs in Jinja; instead of running them, the runtime knows the published ones by the
/// SHA-256 of their text (white space at the ends aside) and refuses others.
struct ChatTemplate: Sendable, Equatable {
    /// Who speaks.
    enum Role: String, Sendable {
        case system
        case user
        case assistant
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
    }

    /// What the system turn says when the first turn is not one.
    let defaultSystemMessage: String

    /// The template of Qwen2-VL and Qwen2.5-VL.
    static let qwen2VL = ChatTemplate(defaultSystemMessage: "You are a helpful assistant.")

    /// Known templates by the SHA-256 of their text.
    ///
    /// Source: chat_template.json of Qwen/Qwen2.5-VL-7B-Instruct.
    static let known: [String: ChatTemplate] = [
        "a0bc6f6fc7a29a80017a433e8f03a1cc1236e838a944a2d034295a60c4f2fddb": .qwen2VL
    ]

    /// Finds the template of a model folder: chat_template.jinja, else chat_template.json, else the field of
    /// tokenizer_config.json.
    ///
    /// - Parameter folder: Path of the model folder.
    /// - Returns: The template.
    /// - Throws: ``ModelError/missingFile(path:)``, ``ModelError/unknownTemplate(path:hash:)``.
    static func load(folder: String) throws(ModelError) -> ChatTemplate {
        let plain = folder + "/chat_template.jinja"
        if let data = FileManager.default.contents(atPath: plain) {
            return try recognize(String(decoding: data, as: UTF8.self), path: plain)
        }
        for name in ["chat_template.json", "tokenizer_config.json"] {
            let path = folder + "/" + name
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let fields = try JSONFields(path: path)
            if fields.has("chat_template") {
                return try recognize(try fields.text("chat_template"), path: path)
            }
        }
        throw .missingFile(path: folder + "/chat_template.json")
    }

    static func recognize(_ text: String, path: String) throws(ModelError) -> ChatTemplate {
        let hash = ContentHash(text.trimmingCharacters(in: .whitespacesAndNewlines)).hexadecimal
        guard let template = known[hash] else { throw .unknownTemplate(path: path, hash: hash) }
        return template
    }

    /// The prompt for some turns, up to where the answer begins.
    func pieces(of turns: [Turn]) -> [Piece] {
        opening(of: turns) + [.token(.turnEnd), .text("\n"), .token(.turnStart), .text("assistant\n")]
    }

    /// The prompt up to the last part of the last turn, which stays open.
    func opening(of turns: [Turn]) -> [Piece] {
        var turns = turns
        if turns.first?.role != .system {
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
