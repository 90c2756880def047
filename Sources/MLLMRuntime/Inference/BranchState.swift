package import Shared

/// Where the answer to one prompt begins.
package struct BranchState: Sendable {
    /// `[hiddenSize]`, after the final norm, at the position that predicts the first token of the answer.
    package let hidden: Tensor
    /// Tokens of the whole prompt.
    package let promptTokens: Int
    /// Tokens of the prompt whose keys and values came from the cache.
    package let cachedTokens: Int
    /// Tokens of the prompt that stand for images.
    package let imageTokens: Int
}

/// Where the answers to the prompts of a group begin.
package struct GroupStates: Sendable {
    /// A state for every branch, in order.
    package let branches: [BranchState]
    /// Different images that went through the vision tower for this group.
    package let imagesEncoded: Int
    /// Different images that did not need to: known from the cache, from a cached trunk or from a group beside it.
    package let imagesCached: Int
}

/// Time that the stages of a forward pass took.
package struct StageTimings: Sendable {
    /// The vision tower.
    package var vision: Duration = .zero
    /// The decoder.
    package var prefill: Duration = .zero
    /// The output head.
    package var head: Duration = .zero

    /// No time at all.
    package init() {}
}
