import Shared

/// The token rows of a group's prompts, checked, and what they share.
package struct PlannedGroup: Sendable {
    /// The prompts, at least one.
    let prompts: [Prompt]
    /// Tokens that all prompts begin with and that run once.
    let trunkLength: Int
    /// Identity of those tokens, the images in them, and the model.
    let trunkIdentity: ContentHash

    /// Rows that go through the decoder when nothing of the group is cached.
    package var rowCount: Int {
        trunkLength + prompts.reduce(0) { $0 + $1.tokens.count - trunkLength }
    }
}
