/// A piece of what a user says.
public enum PromptPart: Sendable {
    /// Text; it never becomes a special token, whatever it spells.
    case text(String)
    /// An image.
    case image(PreparedImage)
}

/// Prompts that begin alike: one user turn for each branch, made of the shared parts and the branch's own.
///
/// The chat template adds the system turn before it and the opening of the answer after it.
public struct PromptGroup: Sendable {
    /// What every branch begins with.
    public var shared: [PromptPart]
    /// What follows in each branch.
    public var branches: [[PromptPart]]

    /// Makes a group.
    ///
    /// - Parameters:
    ///   - shared: What every branch begins with.
    ///   - branches: What follows in each branch.
    public init(shared: [PromptPart], branches: [[PromptPart]]) {
        self.shared = shared
        self.branches = branches
    }
}
