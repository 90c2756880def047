import Foundation

/// Large buffers that were released lately, kept for the next tensors of their size.
///
/// A forward pass makes tensors of the same few sizes layer after layer. Fresh memory of that size comes from the
/// system page by page, each page zeroed at its first touch, which costs more than many of the kernels that fill it.
/// What is kept is bounded by what the process has had in use at its busiest, so that a pass finds all buffers of the one
/// before it; the buffer unused for longest goes first. Large buffers come from the system and go back to it directly:
/// the C library's allocator would hold on to what it gets back.
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
        var staysWithinPeak = false

        /// Lends a buffer that is kept; nil, and counted as new, when there is none of its size.
        mutating func lend(_ size: Int) -> Buffer? {
            let index = buffers.lastIndex { $0.byteCount == size }
            let buffer = index.map { buffers.remove(at: $0) }
            byteCount -= buffer?.byteCount ?? 0
            newCount += buffer == nil ? 1 : 0
            lent += size
            mostLent = max(mostLent, lent)
            trim()
            return buffer
        }

        mutating func keep(_ buffer: Buffer) {
            lent -= buffer.byteCount
            byteCount += buffer.byteCount
            buffers.append(buffer)
            trim()
        }

        /// Gives back what is kept beyond the bounds.
        mutating func trim() {
            let idle = min(StoragePool.mostKeptIdle, mostLent - lent)
            let limit = staysWithinPeak ? idle : max(StoragePool.mostKept, idle)
            while byteCount > limit {
                let oldest = buffers.removeFirst()
                byteCount -= oldest.byteCount
                unsafe StoragePool.release(oldest.base, oldest.byteCount)
            }
        }
    }

    private static let contents = Lock(Contents())

    /// Whether kept and lent buffers together take no more than lent ones alone took at some time.
    static var staysWithinPeak: Bool {
        get { contents.withLock { $0.staysWithinPeak } }
        set {
            contents.withLock { contents in
                contents.staysWithinPeak = newValue
                contents.mostLent = contents.lent
                contents.trim()
            }
        }
    }

    /// Bytes that are kept, that are lent, and the most that were lent since counting started.
    static var byteCounts: (kept: Int, lent: Int, mostLent: Int) {
        contents.withLock { ($0.byteCount, $0.lent, $0.mostLent) }
    }

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
        guard size >= leastByteCount else { return unsafe request(size) }
        let known = contents.withLock { $0.lend(size) }
        return unsafe known?.base ?? request(size)
    }

    /// Takes memory back.
    ///
    /// - Parameters:
    ///   - base: From ``take(_:)``.
    ///   - byteCount: What it was taken for.
    static func give(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
        let size = capacity(byteCount)
        guard size >= leastByteCount else {
            unsafe release(base, size)
            return
        }
        let buffer = unsafe Buffer(byteCount: size, base: base)
        contents.withLock { $0.keep(buffer) }
    }

    /// New memory; that of large buffers lies on a boundary of huge pages.
    private static func request(_ size: Int) -> UnsafeMutableRawPointer {
        guard size >= hugePageByteCount else {
            return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        }
        let whole = size + hugePageByteCount
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        guard let address = unsafe mmap(nil, whole, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe address != MAP_FAILED
        else { preconditionFailure("the system has no memory for a tensor of \(size) bytes") }
        let head = (hugePageByteCount - Int(bitPattern: address) % hugePageByteCount) % hugePageByteCount
        let base = unsafe address + head
        if head > 0 { unsafe munmap(address, head) }
        if head < hugePageByteCount { unsafe munmap(base + size, hugePageByteCount - head) }
        unsafe madvise(base, size, MADV_HUGEPAGE)
        return unsafe base
    }

    /// Gives memory back to where it came from.
    private static func release(_ base: UnsafeMutableRawPointer, _ size: Int) {
        if size >= hugePageByteCount {
            unsafe munmap(base, size)
        } else {
            unsafe base.deallocate()
        }
    }
}
