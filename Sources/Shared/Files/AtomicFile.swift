package import Foundation

/// Files that appear whole or not at all, whatever kills the process.
package enum AtomicFile {
    /// Writes bytes beside `path`, syncs them to disk, and renames them into place.
    ///
    /// - Parameters:
    ///   - data: The whole content.
    ///   - path: The file to make or replace.
    /// - Throws: ``WeightError/unreadable(path:reason:)`` when a step fails; `path` is then as it was.
    package static func write(_ data: Data, to path: String) throws(WeightError) {
        let temporary = path + ".partial"
        func failure() -> WeightError {
            .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else { throw failure() }
        var written = 0
        while written < data.count {
            let count = unsafe data.withUnsafeBytes { bytes in
                unsafe Foundation.write(
                    descriptor,
                    bytes.baseAddress?.advanced(by: written),
                    data.count - written
                )
            }
            guard count > 0 else {
                let error = failure()
                close(descriptor)
                unsafe unlink(temporary)
                throw error
            }
            written += count
        }
        guard fsync(descriptor) == 0, close(descriptor) == 0, unsafe rename(temporary, path) == 0 else {
            throw failure()
        }
        try syncFolder(PathText.folder(of: path))
    }

    /// Syncs a folder, so that names made or moved in it survive a crash.
    ///
    /// - Parameter path: The folder; an empty path is the current one.
    /// - Throws: ``WeightError/unreadable(path:reason:)``.
    package static func syncFolder(_ path: String) throws(WeightError) {
        let folder = path.isEmpty ? "." : path
        let descriptor = unsafe open(folder, O_RDONLY)
        guard descriptor >= 0 else {
            throw .unreadable(path: folder, reason: unsafe String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw .unreadable(path: folder, reason: unsafe String(cString: strerror(errno)))
        }
    }
}
