import Foundation

/// Where one commit of a model goes: names of its files, partial files and locks, and the links between them.
struct HubPlace {
    /// The folder that the user gets.
    let folder: String
    /// The folder whose disk takes the files.
    let root: String
    private let reference: HubReference
    private let commit: String
    private let cache: HubCache?

    /// Names the places.
    ///
    /// - Parameters:
    ///   - destination: Where the model goes.
    ///   - reference: The model.
    ///   - commit: The commit.
    init(_ destination: HubDownloader.Destination, _ reference: HubReference, commit: String) {
        self.reference = reference
        self.commit = commit
        switch destination {
        case .cache(let cache):
            self.cache = cache
            folder = cache.snapshotFolder(of: reference, commit: commit)
            root = cache.folder
        case .folder(let path):
            cache = nil
            folder = path
            root = path
        }
    }

    /// Whether the cache has a file under its name: a commit never changes, so nobody needs to be asked.
    func hasAtOnce(_ path: String) -> Bool {
        cache != nil && FileSize.of(folder + "/" + path) != nil
    }

    /// Whether a folder has a file with the right content.
    func has(_ file: HubFile) throws(HubError) -> Bool {
        let path = folder + "/" + file.path
        guard cache == nil, FileSize.of(path) == file.size else { return false }
        return try file.checksum.digits(ofFile: path) == file.checksum.digits
    }

    /// How many bytes of a file need not be fetched.
    func arrivedBytes(of file: HubFile) -> Int {
        let target = target(of: file)
        let isWhole = cache != nil && FileSize.of(target) == file.size
        return isWhole ? file.size : FileSize.of(partial(of: file)) ?? 0
    }

    /// Puts a file in place; one process at a time fetches a content.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - onWait: Called when another process is at it.
    ///   - fetch: Fetches into the first path and renames to the second one.
    /// - Throws: ``HubError``.
    func put(
        _ file: HubFile,
        onWait: () -> Void,
        fetch: (String, String) throws(HubError) -> Void
    ) throws(HubError) {
        let target = target(of: file)
        let partial = partial(of: file)
        for path in [target, partial] { try makeFolder(PathText.folder(of: path)) }
        let lock = try lock(file.checksum.digits, onWait: onWait)
        // A lock in the user's folder goes with the partial file, one in the cache stays as huggingface_hub's do.
        defer { lock.release(removing: cache == nil) }
        guard cache != nil else {
            if try !has(file) { try fetch(partial, target) }
            return
        }
        if FileSize.of(target) != file.size { try fetch(partial, target) }
        try link(file)
    }

    /// Notes that all files are there.
    func finish() throws(HubError) {
        guard let cache else {
            unsafe rmdir(staging)
            return
        }
        guard reference.effectiveRevision != commit else { return }
        let path = cache.refPath(of: reference)
        try makeFolder(PathText.folder(of: path))
        let lock = try lock("refs", onWait: {})
        defer { lock.release() }
        let data = Data(commit.utf8)
        guard FileManager.default.contents(atPath: path) != data else { return }
        do {
            try AtomicFile.write(data, to: path)
        } catch {
            throw Self.failure(error, path)
        }
    }

    private var staging: String { folder + "/.pull" }

    private func target(of file: HubFile) -> String {
        guard let cache else { return folder + "/" + file.path }
        return cache.repositoryFolder(of: reference) + "/blobs/" + file.checksum.digits
    }

    private func partial(of file: HubFile) -> String {
        (cache == nil ? staging + "/" + file.checksum.digits : target(of: file)) + ".incomplete"
    }

    private func lock(_ name: String, onWait: () -> Void) throws(HubError) -> FileLock {
        let repository = cache.map { PathText.name(of: $0.repositoryFolder(of: reference)) }
        let path = (repository.map { root + "/.locks/" + $0 } ?? staging) + "/" + name + ".lock"
        do {
            return try FileLock(path, onWait: onWait)
        } catch {
            throw Self.failure(error, path)
        }
    }

    /// Makes `snapshots/<commit>/<path>` a link to the blob, in one step.
    private func link(_ file: HubFile) throws(HubError) {
        let path = folder + "/" + file.path
        try makeFolder(PathText.folder(of: path))
        let depth = file.path.split(separator: "/").count + 1
        let target = String(repeating: "../", count: depth) + "blobs/" + file.checksum.digits
        let temporary = path + ".\(UUID().uuidString).link"
        guard unsafe symlink(target, temporary) == 0, unsafe rename(temporary, path) == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            unsafe unlink(temporary)
            throw .file(path: path, reason: reason)
        }
    }

    private func makeFolder(_ path: String) throws(HubError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .file(path: path, reason: error.localizedDescription)
        }
    }

    private static func failure(_ error: WeightError, _ path: String) -> HubError {
        if case .unreadable(let path, let reason) = error { return .file(path: path, reason: reason) }
        return .file(path: path, reason: error.description)
    }
}
