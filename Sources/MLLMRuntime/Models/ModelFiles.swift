/// What a `--model` argument resolved to.
package enum ModelFiles: Sendable, Equatable {
    /// A Hugging Face folder.
    case folder(String)
    /// The two GGUF files of a model: its decoder, and its vision tower (mmproj).
    case gguf(text: String, projector: String)
}

extension ModelFiles {
    /// Name of the file of a Hugging Face folder that says how images are prepared.
    ///
    /// - Throws: ``ModelError`` for a processor_config.json that cannot be read.
    package static func preprocessingFile(inFolder folder: String) throws -> String {
        try HuggingFaceFolder.preprocessingFile(folder)
    }
}
