package import Shared

/// Facts about a model; all of them can be had without reading a weight.
package struct ModelInformation: Sendable {
    /// The family.
    package let family: ModelFamily
    /// Name of the model folder or file.
    package let name: String
    /// Numbers in all weights; a tied head is counted once.
    package let parameterCount: Int
    /// Numbers in the weights of the vision tower.
    package let visionParameterCount: Int
    /// Identity of the model and of its arithmetic: see ``ModelFingerprint``.
    package let fingerprint: ContentHash
    /// The arithmetic of its linear layers.
    package let precision: ModelPrecision
    /// Width of the decoder.
    package let hiddenSize: Int
    /// Layers of the decoder.
    package let layerCount: Int
    /// Blocks of the vision tower.
    package let visionBlockCount: Int
    /// Rows of the output head; ids above the tokenizer's are padding.
    package let vocabularySize: Int
    /// Whether the output head is the embedding matrix.
    package let tiesEmbeddings: Bool
    /// What the configuration says and the files do not bear out.
    package let warnings: [String]
    /// Longest prompt in tokens.
    package let contextLength: Int
    /// How the checkpoint stores its embeddings: a raw value of `WeightFormat`.
    package let weightElementType: String
    /// How many tensors of the model are stored in each format; keys are raw values of `WeightFormat`.
    package let formats: [String: Int]
    /// Bytes of the weights as they are stored.
    package let weightByteCount: Int
    /// Name of the chat template, for example `qwen3-vl`.
    package let chatTemplate: String
    /// Ids of the tokens that the chat template inserts, by their text.
    package let specialTokens: [String: Int]
    /// Memory for one comparison: a source and an edited image of 512 × 512 pixels and 150 tokens of text.
    package let pairMemory: MemoryEstimate
    /// Memory for a group: one source and 12 edited images of 512 × 512 pixels and 150 tokens of text each.
    package let groupMemory: MemoryEstimate
    /// Arithmetic of one comparison of two 512 × 512 images.
    package let pairOperations: OperationCount
}

/// How many bytes a job takes at its peak.
///
/// Weights count in full although the part that is mapped from files comes in only as it is used, and can be
/// dropped again by the system.
package struct MemoryEstimate: Sendable, Equatable {
    /// Weights as they are held.
    package let weightByteCount: Int
    /// Prepared images, features, keys and values.
    package let cacheByteCount: Int
    /// The largest set of intermediate results that exist at one time, and the program itself.
    package let activationByteCount: Int

    /// The sum.
    package var totalByteCount: Int { weightByteCount + cacheByteCount + activationByteCount }
}

/// How much arithmetic a job takes; a multiplication and the addition after it are two operations.
package struct OperationCount: Sendable, Equatable {
    /// The vision tower.
    package let vision: Double
    /// The decoder, and the head at one position.
    package let prefill: Double

    /// The sum.
    package var total: Double { vision + prefill }
}
