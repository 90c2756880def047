import Foundation
import Shared
import TestSupport
import Testing

/// Downloads from a hub in this process.
@Suite struct HubDownloaderTests {
    static let first = String(repeating: "1", count: 40)
    static let second = String(repeating: "2", count: 40)
    /// A content that no part of itself equals.
    static let weights = Data((0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
    static let commits: [String: [String: Data]] = [
        first: [
            "config.json": Data(#"{"model_type": "qwen2_5_vl"}"#.utf8), "model.safetensors": weights,
            "empty.txt": Data(), "pytorch_model.bin": Data("pickle".utf8),
            "sub folder/q4.gguf": Data("GGUF".utf8),
        ],
        second: ["config.json": Data(#"{"model_type": "other"}"#.utf8), "model.safetensors": weights],
    ]
    static let refs = ["main": first, "v2": second]
    static let retry = RetryPolicy(
        attempts: 3,
        firstDelay: .milliseconds(1),
        longestDelay: .milliseconds(2),
        timeout: .seconds(5)
    )

    private let folder: TemporaryFolder
    private let cache: HubCache
    private let root: String

    init() throws {
        folder = try TemporaryFolder()
        cache = HubCache(folder: folder.file("hub"))
        root = folder.file("hub/models--org--judge")
    }

    private func hub(
        atHub: @escaping FakeHub.Interference = { _ in nil },
        atStore: @escaping FakeHub.Interference = { _ in nil }
    ) throws -> FakeHub {
        try FakeHub(commits: Self.commits, refs: Self.refs, atHub: atHub, atStore: atStore)
    }

    @discardableResult
    private func pull(
        _ text: String = "org/judge",
        from hub: FakeHub,
        to target: String? = nil,
        include: [String] = [],
        token: String? = nil,
        attempts: Int = 3,
        report: @escaping (HubEvent) -> Void = { _ in },
        freeSpace: @escaping (String) -> Int? = FileSize.free
    ) throws -> HubDownloader.Result {
        var retry = Self.retry
        retry.attempts = attempts
        return try HubDownloader(
            client: HubClient(endpoint: hub.url, token: token, retry: retry),
            destination: target.map { .folder($0) } ?? .cache(cache),
            selection: HubSelection(include: include),
            report: report,
            freeSpace: freeSpace
        ).pull(HubReference(text))
    }

    private func content(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).sorted()
    }

    private var partial: String { "\(root)/blobs/\(ContentHash(Array(Self.weights)).hexadecimal).incomplete" }

    @Test("a first pull fills the cache so that it resolves without network; a second one downloads nothing")
    func freshAndAgain() throws {
        let hub = try hub()
        var events: [HubEvent] = []
        let result = try pull(from: hub) { events.append($0) }
        let snapshot = "\(root)/snapshots/\(Self.first)"
        #expect(result.folder == snapshot)
        #expect(result.commit == Self.first)
        #expect((result.fetchedFiles, result.presentFiles) == (3, 0))
        #expect(names(snapshot) == ["config.json", "empty.txt", "model.safetensors"])
        for name in names(snapshot) {
            #expect(content(snapshot + "/" + name) == Self.commits[Self.first]?[name])
        }
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: snapshot + "/model.safetensors")
        #expect(link == "../../blobs/" + ContentHash(Array(Self.weights)).hexadecimal)
        #expect(content(root + "/refs/main") == Data(Self.first.utf8))
        #expect(names(root + "/blobs").allSatisfy { !$0.hasSuffix(".incomplete") })
        #expect(try cache.snapshot(of: HubReference("org/judge")) == snapshot)
        #expect(events.contains(.leftOut(pickles: ["pytorch_model.bin"])))
        #expect(events.last == .progress(bytes: 40_028))
        hub.forgetVisits()
        let again = try pull(from: hub)
        #expect((again.fetchedFiles, again.presentFiles) == (0, 3))
        #expect(hub.visits.map(\.path) == ["/api/models/org/judge/revision/main"])
        #expect(hub.visitsToStore.isEmpty)
    }

    @Test("two revisions share their blobs; whole and shortened commits and tags resolve afterwards")
    func sharedBlobs() throws {
        let hub = try hub()
        try pull(from: hub)
        hub.forgetVisits()
        let result = try pull("org/judge@v2", from: hub)
        #expect(result.folder == "\(root)/snapshots/\(Self.second)")
        #expect(hub.visitsToStore.isEmpty, "the weights are there")
        #expect(content(result.folder + "/model.safetensors") == Self.weights)
        #expect(try cache.snapshot(of: HubReference("org/judge@v2")) == result.folder)
        #expect(try cache.snapshot(of: HubReference("org/judge@2222222")) == result.folder)
        try pull("org/judge@\(Self.second)", from: hub)
        #expect(names(root + "/refs") == ["main", "v2"], "a commit needs no ref")
    }

    @Test("a connection that is cut mid-file goes on by range in the same run")
    func cutConnection() throws {
        let hub = try hub(atStore: { request in
            guard request.method == "GET", request.number < 2 else { return nil }
            let offset = request.number * 9_000
            let headers = offset == 0 ? [:] : ["Content-Range": "bytes \(offset)-39999/40000"]
            return .cut(
                status: offset == 0 ? 200 : 206,
                headers: headers,
                body: Data(Self.weights[offset..<offset + 9_000]),
                promised: 40_000 - offset
            )
        })
        var retries = 0
        let result = try pull(from: hub) { if case .retrying = $0 { retries += 1 } }
        #expect(hub.visitsToStore.map(\.range) == [nil, "bytes=9000-", "bytes=18000-"])
        #expect(retries == 2)
        #expect(content(result.folder + "/model.safetensors") == Self.weights)
    }

    @Test("what a run leaves behind is neither resolved nor lost: the next run goes on by range")
    func resumedRun() throws {
        let isBroken = Lock(true)
        let hub = try hub(atStore: { _ in
            isBroken.withLock { $0 }
                ? .cut(status: 200, body: Data(Self.weights[..<7_000]), promised: 40_000) : nil
        })
        let error = #expect(throws: HubError.self) { try pull(from: hub, attempts: 1) }
        #expect(error?.description.contains("what has arrived is kept") == true)
        #expect(FileSize.of(partial) == 7_000)
        #expect(throws: HubError.self) { try cache.snapshot(of: HubReference("org/judge")) }
        isBroken.withLock { $0 = false }
        hub.forgetVisits()
        var resumed: [Int] = []
        let result = try pull(from: hub) {
            if case .started("model.safetensors", _, let bytes) = $0 { resumed.append(bytes) }
        }
        #expect(resumed == [7_000])
        #expect(hub.visitsToStore.map(\.range) == ["bytes=7000-"])
        #expect(content(result.folder + "/model.safetensors") == Self.weights)
        #expect(FileSize.of(partial) == nil)
    }

    @Test("a server that ignores the range, or knows none, gives the whole file", arguments: [200, 416])
    func noRange(_ status: Int) throws {
        let hub = try hub(atStore: { request in
            guard request.headers["range"] != nil else { return nil }
            return status == 200 ? .reply(status: 200, body: Self.weights) : .reply(status: 416)
        })
        try FileManager.default.createDirectory(atPath: root + "/blobs", withIntermediateDirectories: true)
        try Self.weights[..<5_000].write(to: URL(filePath: partial))
        let result = try pull(from: hub)
        #expect(content(result.folder + "/model.safetensors") == Self.weights)
    }

    @Test("a damaged leftover is fetched anew, once")
    func damagedLeftover() throws {
        let hub = try hub()
        try FileManager.default.createDirectory(atPath: root + "/blobs", withIntermediateDirectories: true)
        try Data(repeating: 7, count: 5_000).write(to: URL(filePath: partial))
        var events: [HubEvent] = []
        let result = try pull(from: hub) { events.append($0) }
        #expect(events.contains(.restarted(path: "model.safetensors")))
        #expect(hub.visitsToStore.map(\.range) == ["bytes=5000-", nil])
        #expect(content(result.folder + "/model.safetensors") == Self.weights)
    }

    @Test("a wrong content is detected by its checksum and removed, large or small")
    func checksums() throws {
        var wrong = Self.weights
        wrong[39_999] ^= 1
        let content = wrong
        let large = try hub(atStore: { _ in .reply(status: 200, body: content) })
        let error = #expect(throws: HubError.self) { try pull(from: large) }
        guard case .checksum("model.safetensors", ContentHash(Array(Self.weights)).hexadecimal, _) = error
        else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(names(root + "/blobs").count == 2, "config.json and empty.txt")
        #expect(names(root + "/refs").isEmpty)
        try FileManager.default.removeItem(atPath: root)
        let small = try hub(atHub: { request in
            request.method == "GET" && request.path.hasSuffix("config.json")
                ? .reply(status: 200, body: Data(#"{"model_type": "qwen2_5_vL"}"#.utf8)) : nil
        })
        let other = #expect(throws: HubError.self) { try pull(from: small) }
        #expect(other?.description.hasPrefix("config.json arrived damaged") == true)
        #expect(names(root + "/blobs").isEmpty)
    }

    @Test("more bytes than announced are refused")
    func tooLong() throws {
        let hub = try hub(atStore: { _ in .reply(status: 200, body: Self.weights + Data([0])) })
        let error = #expect(throws: HubError.self) { try pull(from: hub) }
        #expect(error?.description.contains("more than the 40000 bytes") == true)
        #expect(FileSize.of(partial) == 0)
    }

    @Test("the token goes to the hub and not to the host it redirects to")
    func token() throws {
        let hub = try hub()
        try pull(from: hub, token: "hf_secret")
        #expect(hub.visits.allSatisfy { $0.authorization == "Bearer hf_secret" })
        #expect(hub.visitsToStore.count == 1)
        #expect(hub.visitsToStore.allSatisfy { $0.authorization == nil })
    }

    @Test("files go plain into a folder with --to; there they are compared by content")
    func plainFolder() throws {
        let hub = try hub()
        let target = folder.file("judge")
        let result = try pull(from: hub, to: target, include: ["*q4.gguf"])
        #expect(result.folder == target)
        #expect(names(target) == ["config.json", "empty.txt", "sub folder", "sub folder/q4.gguf"])
        #expect(try pull(from: hub, to: target, include: ["*q4.gguf"]).fetchedFiles == 0)
        try Data(#"{"model_type": "qwen2_5_vL"}"#.utf8).write(to: URL(filePath: target + "/config.json"))
        #expect(try pull(from: hub, to: target, include: ["*q4.gguf"]).fetchedFiles == 1)
        #expect(content(target + "/config.json") == Self.commits[Self.first]?["config.json"])
        #expect(
            names(folder.path) == names(folder.path).filter { $0.hasPrefix("judge") },
            "the cache stays away"
        )
    }

    @Test("a disk that is too small is noticed before the first byte")
    func space() throws {
        let hub = try hub()
        let error = #expect(throws: HubError.self) { try pull(from: hub, freeSpace: { _ in 40_000 }) }
        #expect(error == .noSpace(needed: 40_028, free: 40_000, folder: folder.file("hub")))
        #expect(hub.visitsToStore.isEmpty)
        try pull(from: hub, freeSpace: { _ in 40_028 })
    }

    @Test("pulls side by side fetch each content once and do not disturb one another")
    func concurrency() async throws {
        let hub = try hub(atStore: { request in
            Thread.sleep(forTimeInterval: 0.2)
            return nil
        })
        let (client, cache) = (HubClient(endpoint: hub.url, token: nil, retry: Self.retry), cache)
        let waits = Lock(0)
        try await withThrowingTaskGroup(of: HubDownloader.Result.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    try await withCheckedThrowingContinuation { continuation in
                        Thread.detachNewThread {
                            continuation.resume(
                                with: Swift.Result {
                                    try HubDownloader(client: client, destination: .cache(cache)) { event in
                                        if case .waiting = event { waits.withLock { $0 += 1 } }
                                    }.pull(HubReference("org/judge"))
                                }
                            )
                        }
                    }
                }
            }
            for try await result in group {
                #expect(content(result.folder + "/model.safetensors") == Self.weights)
            }
        }
        #expect(hub.visitsToStore.count == 1)
        #expect(waits.withLock { $0 } > 0)
    }
}
