import Foundation
import Shared

/// A model whose parts a diffusers pipeline keeps in folders of their own; the prompt is the pipeline's, so that the
/// chat template is the family's, whatever file says.
struct PipelineParts: ModelSource {
    /// Folder with config.json and weights.
    let encoder: String
    /// Folder with the vocabulary.
    let tokenizerFolder: String
    /// Folder with preprocessor_config.json.
    let processor: String

    var name: String { PathText.name(of: PathText.absolute(encoder)) }

    func configuration() throws -> JSONFields { try HuggingFaceFolder(path: encoder).configuration() }

    func preprocessing() throws -> JSONFields { try HuggingFaceFolder(path: processor).preprocessing() }

    func tokenizer() throws -> Tokenizer { try Tokenizer(folder: tokenizerFolder) }

    func chatTemplate() throws -> ChatTemplate { .qwen2VL }

    func weights() throws -> any WeightStore { try HuggingFaceFolder(path: encoder).weights() }

    func fingerprint() throws -> ContentHash { try ModelFingerprint.make(folder: encoder) }
}
