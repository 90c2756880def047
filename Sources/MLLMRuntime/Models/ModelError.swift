package import Shared

/// What can be wrong with a model folder, or with a prompt for a model.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    /// A file of the folder is not there.
    case missingFile(path: String)
    /// A file does not hold what its format says.
    case malformed(path: String, reason: String)
    /// A file is what git leaves in the place of a large file.
    case pointer(path: String)
    /// Positions are scaled for prompts longer than the model was trained on.
    case ropeScaling(path: String, kind: String)
    /// A field of a JSON file is missing or has a value that makes no sense.
    case field(path: String, name: String, reason: String)
    /// The folder asks for something that this runtime does not have.
    case unsupported(path: String, feature: String)
    /// The tensors of the checkpoint are not those that the configuration asks for.
    case tensors(path: String, missing: [String], surplus: [String], misshapen: [String])
    /// The checkpoint has a head that gives a reward instead of the next token.
    case rewardHead(path: String, tensors: [String])
    /// The folder holds an adapter without the model that it adapts.
    case adapter(path: String)
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
    /// Arithmetic that this machine does not have.
    case precision(Precision, reason: String)
    /// A group without branches.
    case emptyGroup
    /// A prompt without tokens.
    case emptyPrompt
    /// A prompt has a token that the model does not know.
    case unknownToken(id: Int, vocabulary: Int)

    /// One line: what is wrong, and what to do.
    package var description: String {
        switch self {
        case .missingFile(let path):
            "\(path) is missing; a model folder needs it, copy it from the model's hub page"
        case .malformed(let path, let reason):
            "\(path) is damaged: \(reason); download it again"
        case .pointer(let path):
            "\(path) is a pointer of Git LFS, not the file itself; run git lfs pull in its folder, or download the file"
        case .ropeScaling(let path, let kind):
            "\(path) asks for rotary embeddings of type \(kind), which are for very long prompts and not supported; "
                + "prompts of edits are short: set rope_scaling (or rope_parameters) to the unscaled one that the model "
                + "was published with, {\"type\": \"mrope\", \"mrope_section\": […]}"
        case .field(let path, let name, let reason):
            "\(path): \(name) \(reason); check that the file belongs to this checkpoint"
        case .unsupported(let path, let feature):
            "\(path) asks for \(feature), which this runtime does not support; "
                + "use a Qwen2-VL, Qwen2.5-VL or dense Qwen3-VL Instruct checkpoint"
        case .tensors(let path, let missing, let surplus, let misshapen):
            "the tensors of \(path) do not fit its config.json"
                + Self.list("missing", missing) + Self.list("surplus", surplus)
                + Self.list("misshapen", misshapen)
                + "; use the files of one checkpoint"
        case .rewardHead(let path, let tensors):
            "\(path) is a reward model with a head of its own (" + tensors.joined(separator: ", ")
                + "); only judges that answer as a language model are supported"
        case .adapter(let path):
            "\(path) holds a LoRA adapter without its model; merge it with merge_and_unload() of peft and "
                + "save_pretrained() into a folder of its own"
        case .unknownTemplate(let path, let hash):
            "the chat template in \(path) (sha256 \(hash)) is none of the known ones (qwen2-vl, "
                + "qwen3-vl, qwen3-vl-thinking); if the model was trained with one of these, replace it by the base model's"
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
        case .precision(let precision, let reason):
            "no \(precision.rawValue) arithmetic: \(reason); use --precision f32 or auto"
        case .emptyGroup:
            "the group has no branches; give at least one candidate"
        case .emptyPrompt:
            "the prompt has no tokens; give at least one"
        case .unknownToken(let id, let vocabulary):
            "the prompt has the token \(id), but the model's tokens are 0 to \(vocabulary - 1); use its tokenizer"
        }
    }

    private static func list(_ title: String, _ names: [String]) -> String {
        let shown = names.prefix(24).joined(separator: ", ") + (names.count > 24 ? ", …" : "")
        return names.isEmpty ? "" : "; \(title) (\(names.count)): \(shown)"
    }
}
