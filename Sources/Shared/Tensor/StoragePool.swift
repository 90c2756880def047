internal import Foundation

/// Large buffers that were released lately, kept for the next tensors of their size.
///
/// A forward pass makes tensors of the same few sizes layer after layer. Fresh memory of that size comes from the
/// system page by page, each page zeroed at its first touch, which costs more than many of the kernels that fill it.
/// What is kept is bounded by what the process has had in use at its busiest, so that a pass finds all buffers of the one
/// before it; the buffer unused for longest goes first.
@safe enum StoragePool {
    /// Bytes below which the C library's own allocator is as good.
    private static let leastByteCount = 256 << 10
    /// Bytes that may be kept beyond the most that were in use at once.
    static let mostKept = 256 << 20
    /// Most bytes to keep when less is in use than at the busiest time.
    private static let mostKeptIdle = 1 << 30
    /// Bytes from which a buffer asks for huge pages.
    private static let hugePageByteCount = 2 << 20

    @safe private struct Buffer {
        let byteCount: Int
        let base: UnsafeMutableRawPointer
    }

    private struct Contents {
        /// Kept buffers, the one unused for longest first.
        var buffers: [Buffer] = []
        var byteCount = 0
        /// Bytes of buffers that are lent, and the most that were at once.
        var lent = 0
        var mostLent = 0
        var newCount = 0

        mutating func lend(_ size: Int) -> Buffer? {
            lent += size
            mostLent = max(mostLent, lent)
            guard let index = buffers.lastIndex(where: { $0.byteCount == size }) else {
                newCount += 1
                trim()
                return nil
            }
            byteCount -= size
            return buffers.remove(at: index)
        }

        mutating func keep(_ buffer: Buffer) {
            lent -= buffer.byteCount
            byteCount += buffer.byteCount
            buffers.append(buffer)
            trim()
        }

        private mutating func trim() {
            let limit = max(mostKept, min(mostKeptIdle, mostLent - lent))
            while byteCount > limit {
                let oldest = buffers.removeFirst()
                byteCount -= oldest.byteCount
                unsafe oldest.base.deallocate()
            }
        }
    }

    private static let contents = Lock(Contents())

    /// How many buffers came from the system so far, since none of their size was kept.
    static var newCount: Int { contents.withLock(\.newCount) }

    /// The size that a buffer of at least so many bytes has: a multiple of an eighth of a power of two, so that
    /// tensors of nearly equal size can take each other's place.
    private static func capacity(_ byteCount: Int) -> Int {
        guard byteCount >= leastByteCount else { return byteCount }
        let step = 1 << (Int.bitWidth - byteCount.leadingZeroBitCount - 4)
        return (byteCount + step - 1) / step * step
    }

    /// Lends memory that is not set.
    ///
    /// - Parameter byteCount: How many bytes, at least 1.
    /// - Returns: At least so many, on a boundary of 64 bytes; to be given back with the same count.
    static func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let size = capacity(byteCount)
        if size >= leastByteCount {
            if let known = contents.withLock({ $0.lend(size) }) { return unsafe known.base }
        }
        guard size >= hugePageByteCount else {
            return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        }
        let base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: hugePageByteCount)
        unsafe madvise(base, size, MADV_HUGEPAGE)
        return unsafe base
    }

    /// Takes memory back.
    ///
    /// - Parameters:
    ///   - base: From ``take(_:)``.
    ///   - byteCount: What it was taken for.
    static func give(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
        let size = capacity(byteCount)
        guard size >= leastByteCount else {
            unsafe base.deallocate()
            return
        }
        let buffer = unsafe Buffer(byteCount: size, base: base)
        contents.withLock { $0.keep(buffer) }
    }
}
