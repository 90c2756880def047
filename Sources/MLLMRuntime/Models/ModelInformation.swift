public import Shared

/// Facts about a model; all of them can be had without reading a weight.
public struct ModelInformation: Sendable {
    /// The family.
    public let family: ModelFamily
    /// Name of the model folder or file.
    public let name: String
    /// Numbers in all weights; a tied head is counted once.
    public let parameterCount: Int
    /// Numbers in the weights of the vision tower.
    public let visionParameterCount: Int
    /// Identity of the model and of its arithmetic: see ``ModelFingerprint``.
    public let fingerprint: ContentHash
    /// The arithmetic of its linear layers.
    public let precision: ModelPrecision
    /// Width of the decoder.
    public let hiddenSize: Int
    /// Layers of the decoder.
    public let layerCount: Int
    /// Blocks of the vision tower.
    public let visionBlockCount: Int
    /// Rows of the output head; ids above the tokenizer's are padding.
    public let vocabularySize: Int
    /// Whether the output head is the embedding matrix.
    public let tiesEmbeddings: Bool
    /// Longest prompt in tokens.
    public let contextLength: Int
    /// How the checkpoint stores its embeddings: a raw value of `WeightFormat`.
    public let weightElementType: String
    /// How many tensors of the model are stored in each format; keys are raw values of `WeightFormat`.
    public let formats: [String: Int]
    /// Bytes of the weights as they are stored.
    public let weightByteCount: Int
    /// Name of the chat template, for example `qwen3-vl`.
    public let chatTemplate: String
    /// Ids of the tokens that the chat template inserts, by their text.
    public let specialTokens: [String: Int]
    /// Memory for one comparison: a source and an edited image of 512 × 512 pixels and 150 tokens of text.
    public let pairMemory: MemoryEstimate
    /// Memory for a group: one source and 12 edited images of 512 × 512 pixels and 150 tokens of text each.
    public let groupMemory: MemoryEstimate
    /// Arithmetic of one comparison of two 512 × 512 images.
    public let pairOperations: OperationCount
}

/// How many bytes a job takes at its peak.
///
/// Weights count in full although the part that is mapped from files comes in only as it is used, and can be
/// dropped again by the system.
public struct MemoryEstimate: Sendable, Equatable {
    /// Weights as they are held.
    public let weightByteCount: Int
    /// Prepared images, features, keys and values.
    public let cacheByteCount: Int
    /// The largest set of intermediate results that exist at one time, and the program itself.
    public let activationByteCount: Int

    /// The sum.
    public var totalByteCount: Int { weightByteCount + cacheByteCount + activationByteCount }
}

/// How much arithmetic a job takes; a multiplication and the addition after it are two operations.
public struct OperationCount: Sendable, Equatable {
    /// The vision tower.
    public let vision: Double
    /// The decoder, and the head at one position.
    public let prefill: Double

    /// The sum.
    public var total: Double { vision + prefill }
}
