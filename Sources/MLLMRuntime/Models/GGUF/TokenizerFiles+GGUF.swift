extension TokenizerFiles {
    /// Takes what a container's metadata holds.
    ///
    /// - Parameters:
    ///   - path: The file, for error messages.
    ///   - vocabulary: Id of each entry, in the characters of ``ByteAlphabet``.
    ///   - merges: Both sides of each merge, first rank first.
    ///   - added: Added tokens in the order of their ids.
    init(
        path: String,
        vocabulary: [String: Int],
        merges: [(left: Substring, right: Substring)],
        added: [AddedToken]
    ) {
        self.path = path
        self.vocabulary = vocabulary
        self.merges = merges
        self.added = added
    }
}
