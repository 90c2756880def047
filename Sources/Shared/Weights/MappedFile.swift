import Foundation

/// A file mapped read-only into memory, whose pages come in when they are read; or memory of its own that was filled
/// once and then is read like a file.
///
/// `@unchecked Sendable` is sound because the mapping never changes and nobody writes to it.
@safe package final class MappedFile: @unchecked Sendable {
    /// The file's path, for error messages.
    package let path: String
    /// Length of the file in bytes.
    package let count: Int
    let base: UnsafeRawPointer
    /// Whether there is no file behind the memory.
    private let isAnonymous: Bool

    /// Maps a whole file.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``WeightError/unreadable(path:reason:)`` when the file is missing, empty or cannot be mapped;
    ///   ``WeightError/pointer(path:)``.
    package init(path: String) throws(WeightError) {
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else {
            throw .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        let size = Int(status.st_size)
        guard size > 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(
                path: path,
                reason: size == 0 ? "the file is empty" : "it is not a regular file"
            )
        }
        guard let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
            unsafe address != MAP_FAILED
        else {
            throw .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        self.path = path
        count = size
        isAnonymous = false
        unsafe base = UnsafeRawPointer(address)
        if size < Self.longestPointer, JSONText.isPointer(unsafe Data(bytes: address, count: size)) {
            throw .pointer(path: path)
        }
    }

    /// Files of Git LFS that stand for others are shorter than this.
    private static let longestPointer = 1024

    /// Takes memory of its own.
    ///
    /// - Parameters:
    ///   - byteCount: How many bytes, at least one.
    ///   - name: What error messages call the memory.
    ///   - fill: Writes all bytes.
    /// - Throws: ``WeightError/unreadable(path:reason:)`` when the system has no such memory.
    init(byteCount: Int, name: String, fill: (UnsafeMutableRawPointer) -> Void) throws(WeightError) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        guard byteCount > 0, let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe address != MAP_FAILED
        else {
            throw .unreadable(path: name, reason: "there is no memory for its \(byteCount) bytes")
        }
        unsafe fill(address)
        path = name
        count = byteCount
        isAnonymous = true
        unsafe base = UnsafeRawPointer(address)
    }

    /// Reads bytes in place.
    package func withUnsafeBytes<Result>(
        _ range: Range<Int>,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "bytes \(range) are outside \(path)")
        return try unsafe body(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// Bytes that the system reads ahead for one request, however many are asked for.
    private static let bytesAtATime = 1 << 20

    /// Asks the system to read a range's pages soon, without waiting for them; memory without a file is there.
    func prefetchPages(_ range: Range<Int>) {
        guard !isAnonymous else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        for start in stride(from: range.lowerBound / page * page, to: range.upperBound, by: Self.bytesAtATime)
        {
            let length = min(Self.bytesAtATime, range.upperBound - start)
            unsafe madvise(UnsafeMutableRawPointer(mutating: base + start), length, MADV_WILLNEED)
        }
    }

    /// Gives the memory of a range's whole pages back to the system; they come in again when they are read.
    ///
    /// Memory without a file stays.
    func releasePages(_ range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard first < end, !isAnonymous else { return }
        unsafe madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED)
    }

    deinit {
        unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
    }
}
