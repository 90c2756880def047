/// What can be wrong with a model folder, or with a prompt for a model.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    /// A file of the folder is not there.
    case missingFile(path: String)
    /// A file does not hold what its format says.
    case malformed(path: String, reason: String)
    /// A field of a JSON file is missing or has a value that makes no sense.
    case field(path: String, name: String, reason: String)
    /// The folder asks for something that this runtime does not have.
    case unsupported(path: String, feature: String)
    /// The tensors of the checkpoint are not those that the configuration asks for.
    case tensors(path: String, missing: [String], surplus: [String], misshapen: [String])
    /// The chat template is none of the known ones.
    case unknownTemplate(path: String, hash: String)
    /// The template needs a token that the tokenizer does not have.
    case missingToken(String, folder: String)
    /// A prompt is longer than the model's context.
    case promptTooLong(tokens: Int, limit: Int)
    /// The images of a prompt alone fill the model's context.
    case tooManyImageTokens(tokens: Int, limit: Int)
    /// An image was prepared for another model.
    case foreignImage(patchLength: Int, expected: Int)
    /// A group without branches.
    case emptyGroup

    /// One line: what is wrong, and what to do.
    public var description: String {
        switch self {
        case .missingFile(let path):
            "\(path) is missing; a model folder needs it, copy it from the model's hub page"
        case .malformed(let path, let reason):
            "\(path) is damaged: \(reason); download it again"
        case .field(let path, let name, let reason):
            "\(path): \(name) \(reason); check that the file belongs to this checkpoint"
        case .unsupported(let path, let feature):
            "\(path) asks for \(feature), which this runtime does not support; use a Qwen2.5-VL checkpoint"
        case .tensors(let path, let missing, let surplus, let misshapen):
            "the tensors of \(path) do not fit its config.json"
                + Self.list("missing", missing) + Self.list("surplus", surplus)
                + Self.list("misshapen", misshapen)
                + "; use the files of one checkpoint"
        case .unknownTemplate(let path, let hash):
            "the chat template in \(path) (sha256 \(hash)) is not a known Qwen template; "
                + "copy chat_template.json from Qwen2.5-VL, or add the template to ChatTemplate"
        case .missingToken(let token, let folder):
            "the tokenizer in \(folder) has no token \(token), which the chat template needs; "
                + "check its added tokens"
        case .promptTooLong(let tokens, let limit):
            "the prompt has \(tokens) tokens, the model takes \(limit); use smaller images or a shorter text"
        case .tooManyImageTokens(let tokens, let limit):
            "the images of the prompt have \(tokens) tokens, the model takes \(limit); use smaller images"
        case .foreignImage(let patchLength, let expected):
            "an image was cut into patches of \(patchLength) values, this model takes \(expected); "
                + "prepare it with this model"
        case .emptyGroup:
            "the group has no branches; give at least one candidate"
        }
    }

    private static func list(_ title: String, _ names: [String]) -> String {
        names.isEmpty ? "" : "; \(title) (\(names.count)): " + names.joined(separator: ", ")
    }
}
