/// Why the files of a tokenizer are refused.
enum TextTokenizerError: Error, Equatable, CustomStringConvertible {
    /// A file is damaged.
    case malformed(path: String, reason: String)
    /// A file asks for a step that is not supported here.
    case unsupported(path: String, what: String)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .malformed(let path, let reason):
            "\(path) is not a sound tokenizer file: \(reason); download it again"
        case .unsupported(let path, let what):
            "\(path) asks for \(what), which is not supported; "
                + "this program runs CLIP's BPE and T5's unigram tokenizers"
        }
    }
}
