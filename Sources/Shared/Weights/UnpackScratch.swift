/// Memory that unpacked rows pass through, kept from one use to the next.
///
/// Every use has a piece of its own while it lasts, so products may run side by side; a process that runs one at a
/// time keeps one piece.
enum UnpackScratch {
    /// Floats of a piece, 32 MiB: the most that one panel of a product may take.
    static let pieceCount = 1 << 23

    /// Pieces that are kept while nobody uses them.
    private static let keptCount = 2
    private static let free = Lock<[TensorStorage]>([])

    /// Lends memory for `count` floats.
    ///
    /// - Parameters:
    ///   - count: Floats that `body` needs; more than ``pieceCount`` are allocated for this use alone.
    ///   - body: Uses the memory, whose contents are undefined, and lets no pointer escape.
    /// - Returns: What `body` returns.
    static func withFloats<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        guard count <= pieceCount else {
            let storage = TensorStorage(count: count)
            defer { withExtendedLifetime(storage) {} }
            return unsafe body(storage.base)
        }
        let piece = free.withLock { $0.popLast() } ?? TensorStorage(count: pieceCount)
        defer {
            free.withLock { free in
                if free.count < keptCount {
                    free.append(piece)
                }
            }
        }
        return unsafe body(piece.base)
    }
}
