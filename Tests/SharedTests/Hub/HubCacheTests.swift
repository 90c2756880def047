import Foundation
import Shared
import TestSupport
import Testing

/// A cache as huggingface_hub leaves it.
@Suite struct HubCacheTests {
    private static let first = "0a1b2c3" + String(repeating: "0", count: 33)
    private static let second = "0a1b2c3" + String(repeating: "f", count: 33)
    private let folder: TemporaryFolder
    private let cache: HubCache
    private let root: String

    init() throws {
        folder = try TemporaryFolder()
        cache = HubCache(folder: folder.path)
        root = folder.file("models--org--judge")
        for commit in [Self.first, Self.second] { try make("snapshots/\(commit)/config.json", "{}") }
        try make("refs/main", Self.first)
        try make("refs/refs/pr/3", Self.second + "\n")
    }

    private func make(_ path: String, _ text: String) throws {
        let url = URL(filePath: root + "/" + path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: url)
    }

    private func snapshot(_ text: String) throws -> String {
        try cache.snapshot(of: HubReference(text))
    }

    @Test("branches, tags, whole and shortened commits lead to their snapshots")
    func resolution() throws {
        #expect(try snapshot("org/judge") == "\(root)/snapshots/\(Self.first)")
        #expect(try snapshot("org/judge@main") == "\(root)/snapshots/\(Self.first)")
        #expect(try snapshot("org/judge@refs/pr/3") == "\(root)/snapshots/\(Self.second)")
        #expect(try snapshot("org/judge@\(Self.second)") == "\(root)/snapshots/\(Self.second)")
        #expect(try snapshot("org/judge@0a1b2c30") == "\(root)/snapshots/\(Self.first)")
    }

    @Test("a shortened commit that fits two is refused with both; a ref of that name wins")
    func ambiguity() throws {
        let reference = try HubReference("org/judge@0a1b2c3")
        #expect(throws: HubError.ambiguousCommit(reference, commits: [Self.first, Self.second])) {
            try cache.snapshot(of: reference)
        }
        try make("refs/0a1b2c3", Self.second)
        #expect(try cache.snapshot(of: reference) == "\(root)/snapshots/\(Self.second)")
    }

    @Test(
        "what is not there names the command that fetches it, and the revisions that are there",
        arguments: [
            "org/other", "org/judge@v2", "org/judge@" + String(repeating: "9", count: 40),
            "org/judge@0a1b2c9",
        ]
    )
    func absence(_ text: String) throws {
        let error = #expect(throws: HubError.self) { try snapshot(text) }
        let line = try #require(error?.description)
        #expect(line.contains("fetch it with: reward-server pull \(text)"))
        #expect(line.contains(folder.path))
        #expect(line.contains("main, refs/pr/3") == text.hasPrefix("org/judge"))
    }

    @Test("a ref whose commit was deleted, or that holds none, is no way out of the cache")
    func damagedRefs() throws {
        try make("refs/gone", String(repeating: "7", count: 40))
        #expect(throws: HubError.self) { try snapshot("org/judge@gone") }
        try make("refs/evil", "../../../../etc")
        let reference = try HubReference("org/judge@evil")
        #expect(throws: HubError.damagedRef(path: root + "/refs/evil", reference)) {
            try cache.snapshot(of: reference)
        }
    }

    @Test("parts that an index lists and links without a file are missing")
    func missingFiles() throws {
        let snapshot = try snapshot("org/judge")
        #expect(HubCache.missingFile(in: snapshot) == nil)
        let index = #"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#
        try make("snapshots/\(Self.first)/model.safetensors.index.json", index)
        try make("snapshots/\(Self.first)/model-1.safetensors", "x")
        #expect(HubCache.missingFile(in: snapshot) == "model-2.safetensors")
        try make("snapshots/\(Self.first)/model-2.safetensors", "x")
        #expect(HubCache.missingFile(in: snapshot) == nil)
        try FileManager.default.createSymbolicLink(
            atPath: snapshot + "/merges.txt",
            withDestinationPath: "../../blobs/none"
        )
        #expect(HubCache.missingFile(in: snapshot) == "merges.txt")
    }

    @Test("a path in a snapshot tells its model")
    func pathsBack() throws {
        let main = try snapshot("org/judge")
        #expect(HubCache.reference(ofPath: main)?.description == "org/judge")
        #expect(HubCache.reference(ofPath: main + "/config.json")?.description == "org/judge")
        let other = try snapshot("org/judge@refs/pr/3")
        #expect(HubCache.reference(ofPath: other + "/a/b")?.description == "org/judge@\(Self.second)")
        #expect(HubCache.reference(ofPath: "/models/judge") == nil)
        #expect(HubCache.reference(ofPath: root) == nil)
        #expect(HubCache.reference(ofPath: "\(root)/blobs/\(Self.first)/x") == nil)
    }
}
