import Foundation
import Shared

extension ChatTemplate {
    /// Known templates by the SHA-256 of their ``canonicalText(_:)``.
    ///
    /// The fixture chat_templates.json holds what each of them renders under Jinja2.
    ///
    /// Source: chat_template of Qwen/Qwen2.5-VL-7B-Instruct (the same in Qwen2-VL), Qwen/Qwen3-VL-8B-Instruct and
    /// Qwen/Qwen3-VL-8B-Thinking; the last two entries are huggingface/trl's `chat_templates/qwen2_5_vl_training.jinja`
    /// and `qwen3_vl_training.jinja`, which fine-tuned models may carry.
    static let known: [String: ChatTemplate] = [
        "a0bc6f6fc7a29a80017a433e8f03a1cc1236e838a944a2d034295a60c4f2fddb": .qwen2VL,
        "9d879ef91075acbfb2df7e441fd79d60bacfca989cf6d511d2af45c681e94f10": .qwen3VL,
        "84ed326ccec340f3c775d5a31c0aada290d59819c18e43650aabe14f1d42c839": .qwen3VLThinking,
        "31c85932a6d8826f0fe8d52b81767eba6b869128b0a7c7503d1e7baaad4e8043": .qwen2VL,
        "f0b310bf8e64c9dc033756ddd5a0fad3903cc8a0a90ee83aee58d7e4ba313956": .qwen3VL,
    ]

    /// Finds the template of a model folder.
    ///
    /// It is the `chat_template` of processor_config.json, else chat_template.json, else chat_template.jinja,
    /// else the field of tokenizer_config.json.
    ///
    /// - Parameter folder: Path of the model folder.
    /// - Returns: The template.
    /// - Throws: ``ModelError/missingFile(path:)``, ``ModelError/unknownTemplate(path:hash:)``.
    ///
    /// Source: huggingface/transformers 5.23.0, `get_processor_dict` in `processing_utils.py`.
    static func load(folder: String) throws(ModelError) -> ChatTemplate {
        for name in ["processor_config.json", "chat_template.json"] {
            if let template = try load(field: folder + "/" + name) { return template }
        }
        let plain = folder + "/chat_template.jinja"
        if let data = FileManager.default.contents(atPath: plain) {
            return try recognize(String(decoding: data, as: UTF8.self), path: plain)
        }
        if let template = try load(field: folder + "/tokenizer_config.json") { return template }
        throw .missingFile(path: folder + "/chat_template.json")
    }

    /// The template in the field `chat_template` of a file; nil without the file or the field.
    private static func load(field path: String) throws(ModelError) -> ChatTemplate? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let fields = try JSONFields(path: path)
        guard fields.has("chat_template") else { return nil }
        return try recognize(try fields.text("chat_template"), path: path)
    }

    /// Finds a template by its text.
    ///
    /// - Parameters:
    ///   - text: The Jinja program.
    ///   - path: The file that it comes from, for error messages.
    /// - Returns: The template.
    /// - Throws: ``ModelError/unknownTemplate(path:hash:)``.
    static func recognize(_ text: String, path: String) throws(ModelError) -> ChatTemplate {
        let hash = ContentHash(canonicalText(text)).hexadecimal
        guard let template = known[hash] else { throw .unknownTemplate(path: path, hash: hash) }
        return template
    }

    /// A template's text without the outer white space that renders as nothing.
    ///
    /// All line ends count as U+000A. Jinja drops one at the end of the program, and with `trim_blocks`, which
    /// transformers sets, another one after the closing tag; it drops blanks before the first tag and, when that
    /// has a minus sign, any white space. The rest would reach the prompt, so it stays and makes another template.
    ///
    /// Source: pallets/jinja 3.1.6, `src/jinja2/lexer.py`.
    static func canonicalText(_ text: String) -> String {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.unicodeScalars.count)
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\r": scalars.append("\n")
            case "\n" where previous == "\r": break
            default: scalars.append(scalar)
            }
            previous = scalar
        }
        var content = scalars[...]
        for _ in 0..<2 where content.last == "\n" {
            content.removeLast()
        }
        // `lstrip_blocks` takes blanks before a tag or comment, a minus sign in it line breaks too.
        let unindented = content.drop { $0 == " " || $0 == "\t" }
        let inner = content.drop { $0.properties.isWhitespace }
        if ["{%-", "{#-"].contains(where: { inner.starts(with: $0.unicodeScalars) }) {
            content = inner
        } else if ["{%", "{#"].contains(where: { unindented.starts(with: $0.unicodeScalars) }) {
            content = unindented
        }
        return String(String.UnicodeScalarView(content))
    }
}
