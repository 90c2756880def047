/// What a `--model` argument resolved to.
package enum ModelFiles: Sendable, Equatable {
    /// A Hugging Face folder.
    case folder(String)
    /// The two GGUF files of a model: its decoder, and its vision tower (mmproj).
    case gguf(text: String, projector: String)
}
