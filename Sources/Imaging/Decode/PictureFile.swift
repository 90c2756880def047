import Foundation

/// The bytes of a picture that a user names by its path.
package enum PictureFile {
    /// The path that means standard input; a file of this name is "./-".
    package static let standardInput = "-"

    /// Reads a file whole; its length is checked before.
    ///
    /// - Parameters:
    ///   - path: Path of a regular file or of a link to one, however many links lie between; or ``standardInput``.
    ///   - limits: Says how long the file may be.
    /// - Returns: The bytes.
    /// - Throws: ``DecodeError`` that calls the file by its path.
    package static func read(_ path: String, limits: DecodeLimits = .standard) throws(DecodeError) -> [UInt8]
    {
        if path == standardInput { return try readInput(limits: limits) }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw unreadable(path, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let kind = status.st_mode & S_IFMT == S_IFDIR ? "it is a folder" : "it is not a regular file"
            throw .unreadable(name: path, reason: kind)
        }
        try limits.check(name: path, byteCount: Int(status.st_size))
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw .unreadable(name: path, reason: "it cannot be opened")
        }
        try limits.check(name: path, byteCount: bytes.count)
        return Array(bytes)
    }

    /// Reads standard input to its end, but no further than the limit.
    private static func readInput(limits: DecodeLimits) throws(DecodeError) -> [UInt8] {
        let name = "standard input"
        var bytes: [UInt8] = []
        while true {
            let part: Data?
            do {
                part = try FileHandle.standardInput.read(upToCount: 1 << 20)
            } catch {
                throw .unreadable(name: name, reason: "it is closed")
            }
            guard let part, !part.isEmpty else { return bytes }
            bytes.append(contentsOf: part)
            try limits.check(name: name, byteCount: bytes.count)
        }
    }

    private static func unreadable(_ path: String, code: Int32) -> DecodeError {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
        let reason =
            switch (code, target) {
            case (ENOENT, let target?): "it is a link to \(target), which leads to no file"
            case (ELOOP, _): "its links lead in a circle"
            case (ENOENT, nil), (ENOTDIR, _): "there is no such file"
            default: unsafe String(cString: strerror(code))
            }
        return .unreadable(name: path, reason: reason)
    }
}
