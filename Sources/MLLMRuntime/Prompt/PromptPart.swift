/// A piece of what a user says.
package enum PromptPart: Sendable {
    /// Text; it never becomes a special token, whatever it spells.
    case text(String)
    /// An image.
    case image(PreparedImage)
}

/// Prompts that begin alike: one user turn for each branch, made of the shared parts and the branch's own.
///
/// The chat template adds the system turn before it and the opening of the answer after it.
package struct PromptGroup: Sendable {
    /// What every branch begins with.
    package var shared: [PromptPart]
    /// What follows in each branch.
    package var branches: [[PromptPart]]

    /// Makes a group.
    ///
    /// - Parameters:
    ///   - shared: What every branch begins with.
    ///   - branches: What follows in each branch.
    package init(shared: [PromptPart], branches: [[PromptPart]]) {
        self.shared = shared
        self.branches = branches
    }
}
