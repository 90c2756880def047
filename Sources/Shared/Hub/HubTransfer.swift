import Foundation

/// Fetches one file of a model, goes on where an earlier try ended, and puts the file in place when its checksum is
/// right.
///
/// What has arrived stays in a partial file whatever ends the process. The caller holds the lock on it.
struct HubTransfer {
    /// The hub.
    let client: HubClient
    /// The model, for error messages.
    let reference: HubReference
    /// The commit.
    let commit: String
    /// Told what happens, but for the bytes.
    let report: (HubEvent) -> Void

    /// Fetches a file.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - partial: Where it grows; on the same disk as `target`.
    ///   - target: Where it ends, whole.
    ///   - onArrival: Told how many of its bytes are there.
    /// - Throws: ``HubError``; the partial file then stays, unless its content is wrong.
    func fetch(
        _ file: HubFile,
        partial: String,
        to target: String,
        onArrival: (Int) -> Void
    ) throws(HubError) {
        let output = try PartialFile(partial)
        if output.length > file.size { try output.truncate() }
        report(.started(path: file.path, size: file.size, resumed: output.length))
        var isLeftover = output.length > 0
        while true {
            onArrival(output.length)
            try fill(output, with: file, onArrival: onArrival)
            try output.sync()
            let found = try file.checksum.digits(ofFile: partial)
            if found == file.checksum.digits { break }
            guard isLeftover else {
                unsafe unlink(partial)
                throw .checksum(file: file.path, expected: file.checksum.digits, found: found)
            }
            isLeftover = false
            report(.restarted(path: file.path))
            try output.truncate()
        }
        guard unsafe rename(partial, target) == 0 else { throw PartialFile.failure(target) }
        do {
            try AtomicFile.syncFolder(PathText.folder(of: target))
        } catch {
            throw .file(path: target, reason: error.description)
        }
        report(.finished(path: file.path))
    }

    /// Fetches until all bytes are there; gives up after failures in a row that brought nothing new.
    private func fill(_ output: PartialFile, with file: HubFile, onArrival: (Int) -> Void) throws(HubError) {
        var failures = 0
        var longest = output.length
        while output.length < file.size {
            do {
                try request(output, file, onArrival: onArrival)
            } catch {
                failures = output.length > longest ? 1 : failures + 1
                longest = max(longest, output.length)
                switch error {
                case .mayPass(let error, let after) where failures < client.retry.attempts:
                    report(.retrying(reason: error.description))
                    client.pause(failures: failures, after: after)
                case .failed(let error), .mayPass(let error, _): throw error
                }
            }
        }
    }

    private func request(
        _ output: PartialFile,
        _ file: HubFile,
        onArrival: (Int) -> Void
    ) throws(HubAttempt) {
        let url = client.address(of: file.path, in: reference, commit: commit)
        let offset = output.length
        var isBegun = false
        let range = offset > 0 ? ["Range: bytes=\(offset)-"] : []
        let head = try unsafe client.send(
            url,
            for: reference,
            headers: ["Accept-Encoding: identity"] + range
        ) { head, bytes throws(HubAttempt) in
            do throws(HubError) {
                if !isBegun {
                    isBegun = true
                    try begin(output, head, offset: offset, file: file, url: url)
                }
                guard output.length + bytes.count <= file.size else {
                    try output.truncate()
                    throw HubError.unreadable(
                        url: url,
                        reason: "it sends more than the \(file.size) bytes it announced"
                    )
                }
                unsafe try output.append(bytes)
            } catch {
                throw .failed(error)
            }
            onArrival(output.length)
        }.last
        if head.status == 416 {
            do throws(HubError) { try output.truncate() } catch { throw .failed(error) }
        }
        guard output.length == file.size else {
            let reason = "it ended after \(output.length) of \(file.size) bytes"
            throw .mayPass(.unreachable(url: url, reason: reason), after: nil)
        }
    }

    /// Makes the partial file fit what a reply is about to bring.
    private func begin(
        _ output: PartialFile,
        _ head: HTTPFetch.Head,
        offset: Int,
        file: HubFile,
        url: String
    ) throws(HubError) {
        guard head.status == 206 else {
            try output.truncate()
            return
        }
        guard head["content-range"]?.hasPrefix("bytes \(offset)-") == true else {
            throw .unreadable(url: url, reason: "it sends another part of \(file.path) than it was asked for")
        }
    }
}

/// A file that grows at its end.
private final class PartialFile {
    private let path: String
    private let descriptor: Int32
    /// Bytes that are in it.
    private(set) var length = 0

    init(_ path: String) throws(HubError) {
        self.path = path
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path) }
        length = Int(lseek(descriptor, 0, SEEK_END))
    }

    deinit {
        close(descriptor)
    }

    static func failure(_ path: String) -> HubError {
        .file(path: path, reason: unsafe String(cString: strerror(errno)))
    }

    func truncate() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw Self.failure(path)
        }
        length = 0
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe write(
                descriptor,
                bytes.baseAddress?.advanced(by: written),
                bytes.count - written
            )
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Self.failure(path)
            }
            written += count
            length += count
        }
    }

    func sync() throws(HubError) {
        guard fsync(descriptor) == 0 else { throw Self.failure(path) }
    }
}
