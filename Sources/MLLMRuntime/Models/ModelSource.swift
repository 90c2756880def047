import Shared

/// Everything that a family needs of a checkpoint, whatever container it is in.
protocol ModelSource: Sendable {
    /// Name of the folder, or of the file without its extension.
    var name: String { get }

    /// Fields as in config.json; `model_type` names the family.
    func configuration() throws -> JSONFields

    /// Fields as in preprocessor_config.json.
    func preprocessing() throws -> JSONFields

    /// The tokenizer.
    func tokenizer() throws -> Tokenizer

    /// The chat template.
    func chatTemplate() throws -> ChatTemplate

    /// The tensors, under names of any generation that ``TensorSource`` knows.
    func weights() throws -> any WeightStore

    /// Identity of the model.
    func fingerprint() throws -> ContentHash
}

extension ModelFiles {
    /// Opens the container.
    func source() throws -> any ModelSource {
        switch self {
        case .folder(let path): HuggingFaceFolder(path: path)
        case .gguf(let text, let projector): try GGUFPair(text: text, projector: projector)
        }
    }
}
