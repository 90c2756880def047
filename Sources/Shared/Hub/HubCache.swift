import Foundation

/// The models that are on this machine, in the layout of Hugging Face's cache; it needs no network.
///
/// `models--org--name/refs/<revision>` holds a commit, `snapshots/<commit>/` the model's folder, whose files are links
/// into `blobs/`. A revision is looked for as a whole commit, then among the refs, then as the beginning of a commit.
///
/// Source of the layout: `file_download.py` of huggingface_hub.
package struct HubCache: Sendable {
    /// The folder that holds all models.
    package let folder: String

    /// Names a cache.
    ///
    /// - Parameter folder: Its folder, which need not exist.
    package init(folder: String) {
        self.folder = folder
    }

    /// The folder of one model, with all its revisions.
    package func repositoryFolder(of reference: HubReference) -> String {
        folder + "/models--" + reference.repository.replacing("/", with: "--")
    }

    /// The folder of one commit of a model, whether it is there or not.
    func snapshotFolder(of reference: HubReference, commit: String) -> String {
        repositoryFolder(of: reference) + "/snapshots/" + commit
    }

    /// The file that holds a revision's commit, whether it is there or not.
    func refPath(of reference: HubReference) -> String {
        repositoryFolder(of: reference) + "/refs/" + reference.effectiveRevision
    }

    /// The folder of a model.
    ///
    /// - Parameter reference: The model.
    /// - Returns: The snapshot's folder.
    /// - Throws: ``HubError/notCached(_:folder:revisions:)`` when the cache does not hold it,
    ///   ``HubError/ambiguousCommit(_:commits:)``, ``HubError/damagedRef(path:_:)``.
    package func snapshot(of reference: HubReference) throws(HubError) -> String {
        let commit = try commit(of: reference)
        let path = snapshotFolder(of: reference, commit: commit)
        guard Self.isFolder(path) else {
            throw .notCached(reference, folder: folder, revisions: revisions(of: reference))
        }
        return path
    }

    /// The revisions that can be used without a download, by the names of their refs, else by their commits.
    package func revisions(of reference: HubReference) -> [String] {
        let snapshots = commits(of: reference)
        let refs = repositoryFolder(of: reference) + "/refs"
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: refs)) ?? []
        var named: [String: String] = [:]
        for name in names.sorted().reversed() {
            if let commit = Self.commit(inRef: refs + "/" + name) { named[commit] = name }
        }
        return snapshots.map { named[$0] ?? $0 }.sorted()
    }

    /// A file that a model's folder in the cache announces and does not have; nil when there is none.
    ///
    /// Looked for are links to files that are gone, and the parts that a `*.index.json` lists.
    ///
    /// - Parameter snapshot: The folder.
    /// - Returns: The file's name in the folder.
    package static func missingFile(in snapshot: String) -> String? {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: snapshot)) ?? []).sorted()
        let manager = FileManager.default
        if let gone = names.first(where: { !manager.fileExists(atPath: snapshot + "/" + $0) }) { return gone }
        for name in names where name.hasSuffix(".safetensors.index.json") {
            let data = manager.contents(atPath: snapshot + "/" + name) ?? Data()
            let index = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
            let parts = Set((index?["weight_map"] as? [String: String] ?? [:]).values)
            if let gone = parts.sorted().first(where: { !manager.fileExists(atPath: snapshot + "/" + $0) }) {
                return gone
            }
        }
        return nil
    }

    /// The model to which a path in some cache belongs; nil for paths elsewhere.
    ///
    /// - Parameter path: A snapshot's folder, or a file in one.
    /// - Returns: The model, with the commit as its revision unless that is the one of ``HubReference/defaultRevision``.
    package static func reference(ofPath path: String) -> HubReference? {
        let parts = path.split(separator: "/").map(String.init)
        guard let index = parts.indices.dropLast(2).last(where: { parts[$0].hasPrefix("models--") }),
            parts[index + 1] == "snapshots", HubReference.isCommit(parts[index + 2])
        else {
            return nil
        }
        let commit = parts[index + 2]
        let repository = parts[index].dropFirst("models--".count).replacing("--", with: "/")
        let root = (path.hasPrefix("/") ? "/" : "") + parts[...index].joined(separator: "/")
        let isDefault = Self.commit(inRef: root + "/refs/" + HubReference.defaultRevision) == commit
        return try? HubReference(repository: String(repository), revision: isDefault ? nil : commit)
    }

    private func commit(of reference: HubReference) throws(HubError) -> String {
        let revision = reference.effectiveRevision
        if HubReference.isCommit(revision) { return revision }
        let path = refPath(of: reference)
        if FileManager.default.fileExists(atPath: path), !Self.isFolder(path) {
            guard let commit = Self.commit(inRef: path) else { throw .damagedRef(path: path, reference) }
            return commit
        }
        let candidates =
            HubReference.isShortCommit(revision)
            ? commits(of: reference).filter { $0.hasPrefix(revision) } : []
        guard candidates.count < 2 else { throw .ambiguousCommit(reference, commits: candidates) }
        guard let commit = candidates.first else {
            throw .notCached(reference, folder: folder, revisions: revisions(of: reference))
        }
        return commit
    }

    private func commits(of reference: HubReference) -> [String] {
        let snapshots = repositoryFolder(of: reference) + "/snapshots"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: snapshots)) ?? []
        return names.filter { HubReference.isCommit($0) && Self.isFolder(snapshots + "/" + $0) }.sorted()
    }

    private static func commit(inRef path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return HubReference.isCommit(text) ? text : nil
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
