public import Shared

/// Where the answer to one prompt begins.
public struct BranchState: Sendable {
    /// `[hiddenSize]`, after the final norm, at the position that predicts the first token of the answer.
    public let hidden: Tensor
    /// Tokens of the whole prompt.
    public let promptTokens: Int
    /// Tokens of the prompt whose keys and values came from the cache.
    public let cachedTokens: Int
    /// Tokens of the prompt that stand for images.
    public let imageTokens: Int
}

/// Where the answers to the prompts of a group begin.
public struct GroupStates: Sendable {
    /// A state for every branch, in order.
    public let branches: [BranchState]
    /// Different images that went through the vision tower for this group.
    public let imagesEncoded: Int
    /// Different images that did not need to: known from the cache, from a cached trunk or from a group beside it.
    public let imagesCached: Int
}

/// Time that the stages of a forward pass took.
public struct StageTimings: Sendable {
    /// The vision tower.
    public var vision: Duration = .zero
    /// The decoder.
    public var prefill: Duration = .zero
    /// The output head.
    public var head: Duration = .zero

    /// No time at all.
    public init() {}
}
