import Foundation

/// Fetches a model of a hub; blocks the calling thread.
///
/// Files come one after the other. A file gets its name when its checksum is right, and the revision its ref when all
/// files are there: what ends the process leaves nothing half done in sight, and the next run goes on.
package struct HubDownloader {
    /// Where a model goes.
    package enum Destination: Sendable {
        /// The cache that other programs use as well.
        case cache(HubCache)
        /// A folder of plain files.
        case folder(String)
    }

    /// What a download has done.
    package struct Result: Sendable, Hashable {
        /// The model's folder.
        package let folder: String
        /// The commit.
        package let commit: String
        /// Files that were fetched.
        package let fetchedFiles: Int
        /// Files that were there.
        package let presentFiles: Int
    }

    private let client: HubClient
    private let destination: Destination
    private let selection: HubSelection
    private let freeSpace: (String) -> Int?
    private let report: (HubEvent) -> Void

    /// Describes a download.
    ///
    /// - Parameters:
    ///   - client: The hub.
    ///   - destination: Where the model goes.
    ///   - selection: Which files are fetched.
    ///   - report: Told what happens, on the calling thread.
    ///   - freeSpace: Bytes that a folder's disk still takes; nil when nobody knows.
    package init(
        client: HubClient,
        destination: Destination,
        selection: HubSelection = HubSelection(),
        report: @escaping (HubEvent) -> Void = { _ in },
        freeSpace: @escaping (String) -> Int? = FileSize.free
    ) {
        self.client = client
        self.destination = destination
        self.selection = selection
        self.freeSpace = freeSpace
        self.report = report
    }

    /// Fetches what is not there yet.
    ///
    /// - Parameter reference: The model.
    /// - Returns: Where it is.
    /// - Throws: ``HubError``.
    package func pull(_ reference: HubReference) throws(HubError) -> Result {
        func retrying(_ error: HubError) { report(.retrying(reason: error.description)) }
        let revision = try client.revision(of: reference, onRetry: retrying)
        report(.resolved(commit: revision.commit))
        let choice = try selection.choice(of: revision.files, in: reference)
        if !choice.pickles.isEmpty { report(.leftOut(pickles: choice.pickles)) }
        let place = HubPlace(destination, reference, commit: revision.commit)
        var missing: [HubFile] = []
        for path in choice.wanted where !place.hasAtOnce(path) {
            let file = try client.file(path, of: reference, commit: revision.commit, onRetry: retrying)
            if try !place.has(file) { missing.append(file) }
        }
        let present = choice.wanted.count - missing.count
        let total = missing.reduce(0) { $0 + $1.size }
        report(.planned(files: missing.count, bytes: total, present: present))
        try checkSpace(for: missing, in: place)
        let transfer = HubTransfer(
            client: client,
            reference: reference,
            commit: revision.commit,
            report: report
        )
        var done = 0
        for file in missing {
            try place.put(file, onWait: { report(.waiting(path: file.path)) }) {
                partial,
                target throws(HubError) in
                try transfer.fetch(file, partial: partial, to: target) { report(.progress(bytes: done + $0)) }
            }
            done += file.size
            report(.progress(bytes: done))
        }
        try place.finish()
        return Result(
            folder: place.folder,
            commit: revision.commit,
            fetchedFiles: missing.count,
            presentFiles: present
        )
    }

    private func checkSpace(for files: [HubFile], in place: HubPlace) throws(HubError) {
        let sizes = Dictionary(files.map { ($0.checksum, $0) }, uniquingKeysWith: { first, _ in first })
        let needed = sizes.values.reduce(0) { $0 + max(0, $1.size - place.arrivedBytes(of: $1)) }
        guard let free = freeSpace(place.root), needed > free else { return }
        throw .noSpace(needed: needed, free: free, folder: place.root)
    }
}
