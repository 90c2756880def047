internal import Foundation

/// Large buffers that were released lately, kept for the next tensors of their size.
///
/// A forward pass makes tensors of the same few sizes layer after layer. Fresh memory of that size comes from the
/// system page by page, each page zeroed at its first touch, which costs more than many of the kernels that fill it.
/// What is kept is bounded; the buffer unused for longest goes first.
@safe enum StoragePool {
    /// Bytes below which the C library's own allocator is as good.
    private static let leastByteCount = 256 << 10
    /// Most bytes to keep for later.
    static let mostKept = 256 << 20
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
    }

    private static let contents = Lock(Contents())

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
            let known = contents.withLock { contents -> Buffer? in
                guard let index = contents.buffers.lastIndex(where: { $0.byteCount == size }) else {
                    return nil
                }
                contents.byteCount -= size
                return contents.buffers.remove(at: index)
            }
            if let known { return unsafe known.base }
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
        contents.withLock { contents in
            contents.buffers.append(buffer)
            contents.byteCount += size
            while contents.byteCount > mostKept {
                let oldest = contents.buffers.removeFirst()
                contents.byteCount -= oldest.byteCount
                unsafe oldest.base.deallocate()
            }
        }
    }
}
