public import Shared

/// Facts about a loaded model.
public struct ModelInformation: Sendable {
    /// The family.
    public let family: ModelFamily
    /// Name of the model folder.
    public let name: String
    /// Numbers in all weights; a tied head is counted once.
    public let parameterCount: Int
    /// Identity of the model: see ``ModelFingerprint``.
    public let fingerprint: ContentHash
    /// Width of the decoder.
    public let hiddenSize: Int
    /// Layers of the decoder.
    public let layerCount: Int
    /// Blocks of the vision tower.
    public let visionBlockCount: Int
    /// Rows of the output head; ids above the tokenizer's are padding.
    public let vocabularySize: Int
    /// Longest prompt in tokens.
    public let contextLength: Int
    /// How the checkpoint stores its embeddings: `F32`, `F16` or `BF16`.
    public let weightElementType: String
}
