import Foundation

/// Lengths of files, and room for more of them.
package enum FileSize {
    /// Length of a file in bytes, links followed; nil when there is no such regular file.
    package static func of(_ path: String) -> Int? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// Bytes that may still be written on the disk of a folder; nil when the system does not say.
    ///
    /// - Parameter folder: A folder, which need not exist: then its nearest parent that does counts.
    /// - Returns: The room for a user without privileges.
    package static func free(in folder: String) -> Int? {
        var path = PathText.absolute(folder)
        var information = statvfs()
        while unsafe statvfs(path, &information) != 0 {
            guard errno == ENOENT, path != "/" else { return nil }
            path = PathText.folder(of: path)
        }
        return Int(
            clamping: UInt64(information.f_bavail).multipliedReportingOverflow(
                by: UInt64(information.f_frsize)
            ).partialValue
        )
    }
}
