import Foundation

/// A lock between processes on a file made for it, held until ``release(removing:)``.
///
/// It is the system's `flock`, which a process loses when it ends, however it ends; huggingface_hub takes the same
/// lock on the same files. A holder may remove the file: who waited then locks the new one.
package final class FileLock {
    private let path: String
    private var descriptor: Int32

    /// Waits for the lock.
    ///
    /// - Parameters:
    ///   - path: The file, made with its folders when it is missing.
    ///   - onWait: Called once when somebody else holds the lock.
    /// - Throws: ``WeightError/unreadable(path:reason:)``.
    package init(_ path: String, onWait: () -> Void = {}) throws(WeightError) {
        self.path = path
        var hasWaited = false
        func failure() -> WeightError {
            .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        while true {
            let folder = PathText.folder(of: path)
            if !folder.isEmpty {
                try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw failure() }
            if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
                if !hasWaited { onWait() }
                hasWaited = true
                while flock(descriptor, LOCK_EX) != 0 {
                    guard errno == EINTR else {
                        close(descriptor)
                        throw failure()
                    }
                }
            }
            var (held, named) = (stat(), stat())
            if unsafe fstat(descriptor, &held) == 0, unsafe stat(path, &named) == 0,
                held.st_ino == named.st_ino, held.st_dev == named.st_dev
            {
                return
            }
            close(descriptor)
        }
    }

    /// Lets the next one in.
    ///
    /// - Parameter removing: Whether the file goes away as well.
    package func release(removing: Bool = false) {
        guard descriptor >= 0 else { return }
        if removing { unsafe unlink(path) }
        close(descriptor)
        descriptor = -1
    }

    deinit {
        release()
    }
}
