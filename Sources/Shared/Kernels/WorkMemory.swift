/// Bytes on a 64-byte boundary, of the heap or of a mapped file.
///
/// `@unchecked Sendable` is sound because an owner writes before it shares the object, and nobody writes afterwards; to a
/// file's bytes nobody writes at all.
@safe final class AlignedMemory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let byteCount: Int
    /// Keeps the bytes mapped; nil for bytes of the heap.
    private let file: MappedFile?

    /// Allocates memory without setting it.
    init(byteCount: Int) {
        self.byteCount = max(64, byteCount)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: self.byteCount, alignment: 64)
        file = nil
    }

    /// Bytes of a file; nil when the place is outside it or not on a boundary.
    init?(_ file: MappedFile, at offset: Int, byteCount: Int) {
        guard offset >= 0, offset.isMultiple(of: 64), byteCount <= file.count - offset else { return nil }
        self.byteCount = byteCount
        unsafe base = UnsafeMutableRawPointer(mutating: file.base + offset)
        self.file = file
    }

    deinit {
        if file == nil {
            unsafe base.deallocate()
        }
    }
}

/// Work memory of products, kept from one use to the next: new pages would cost as much as the work on them.
///
/// Every use has a piece of its own while it lasts, so threads may take pieces side by side.
enum WorkMemory {
    private static let free = Lock<[AlignedMemory]>([])

    /// Lends memory.
    ///
    /// - Parameters:
    ///   - byteCount: Bytes that `body` needs.
    ///   - body: Uses the memory, whose contents are undefined, and lets no pointer escape.
    /// - Returns: What `body` returns.
    static func withBytes<Result>(_ byteCount: Int, _ body: (UnsafeMutableRawPointer) -> Result) -> Result {
        // The smallest piece that is large enough; else a new one in place of the largest that is not.
        let kept = free.withLock { free -> AlignedMemory? in
            if let index = free.firstIndex(where: { $0.byteCount >= byteCount }) {
                return free.remove(at: index)
            }
            _ = free.popLast()
            return nil
        }
        let piece = kept ?? AlignedMemory(byteCount: byteCount)
        defer {
            free.withLock { free in
                let index = free.firstIndex { $0.byteCount >= piece.byteCount } ?? free.endIndex
                free.insert(piece, at: index)
            }
        }
        return unsafe body(piece.base)
    }
}
