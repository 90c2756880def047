import Foundation
import Shared
import TestSupport
import Testing

/// What a hub can answer besides a model.
@Suite struct HubClientTests {
    private static let commit = HubDownloaderTests.first

    private func client(_ server: ScriptedServer, token: String? = nil) -> HubClient {
        HubClient(endpoint: server.url, token: token, retry: HubDownloaderTests.retry)
    }

    private func revision(_ reaction: ScriptedServer.Reaction, token: String? = nil) throws
        -> HubClient.Revision
    {
        let server = try ScriptedServer { _ in reaction }
        return try withExtendedLifetime(server) {
            try client(server, token: token).revision(of: HubReference("org/judge@v1"))
        }
    }

    @Test(
        "refusals say what to do",
        arguments: [
            (401, "", nil, "no public model org/judge; check the spelling, or set HF_TOKEN"),
            (401, "RepoNotFound", nil, "no public model org/judge"),
            (401, "", "hf_x", "refuses the token for org/judge; set HF_TOKEN to a valid one"),
            (401, "GatedRepo", nil, "gated: ask for access on http"),
            (403, "GatedRepo", "hf_x", "account of your token"),
            (403, "", "hf_x", "refuses the token"),
            (404, "", nil, "has no model org/judge; check the spelling"),
            (404, "RepoNotFound", "hf_x", "that your token may read it"),
            (404, "RevisionNotFound", nil, "org/judge has no revision v1"),
            (410, "", nil, "answers 410: gone for ever"),
            (204, "", nil, "answers 204"),
        ] as [(Int, String, String?, String)]
    )
    func refusals(_ status: Int, _ code: String, _ token: String?, _ words: String) throws {
        let headers = code.isEmpty ? [:] : ["X-Error-Code": code]
        let error = #expect(throws: HubError.self) {
            try revision(
                .reply(status: status, headers: headers, body: Data("gone\n for ever".utf8)),
                token: token
            )
        }
        let line = try #require(error?.description)
        #expect(line.contains(words), "\(line)")
        #expect(!line.contains("hf_x") && !line.contains { $0.isNewline })
    }

    @Test("500, 429 and a closed connection are tried again, with the wait that the hub asks for")
    func transient() throws {
        let listing = FakeHub.listing(commit: Self.commit, names: ["config.json"])
        let failures: [ScriptedServer.Reaction] = [
            .reply(status: 500), .reply(status: 429, headers: ["Retry-After": "1"]), .hangUp,
        ]
        for failure in failures {
            let server = try ScriptedServer { $0.number == 0 ? failure : listing }
            let start = ContinuousClock.now
            let found = try client(server).revision(of: HubReference("org/judge"))
            #expect(found.commit == Self.commit)
            if case .reply(429, _, _) = failure { #expect(ContinuousClock.now - start >= .milliseconds(990)) }
        }
        let dead = try ScriptedServer { _ in .reply(status: 503) }
        let error = #expect(throws: HubError.self) {
            try client(dead).revision(of: HubReference("org/judge"))
        }
        #expect(error?.description.contains("answers 503") == true)
        #expect(dead.count("/api/models/org/judge/revision/main") == HubDownloaderTests.retry.attempts)
    }

    @Test(
        "a file name that would leave the folder stops everything",
        arguments: [
            "../evil", "a/../../b", "/etc/passwd", "a//b", "", ".", "a/.", "a\u{0}b", "a\nb", "a\\..\\b",
            "..",
            String(repeating: "x", count: 300),
        ]
    )
    func traversal(_ name: String) throws {
        let error = #expect(throws: HubError.self) {
            try revision(FakeHub.listing(commit: Self.commit, names: ["config.json", name]))
        }
        guard case .unsafeName(name, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains { $0.isNewline || $0 == "\u{0}" } == false)
    }

    @Test(
        "an answer that is no listing is refused",
        arguments: [
            "", "[]", "<html>", #"{"sha": "main", "siblings": []}"#, #"{"siblings": []}"#,
            #"{"sha": "1111111111111111111111111111111111111111"}"#,
            #"{"sha": "1111111111111111111111111111111111111111", "siblings": [{"name": "x"}]}"#,
        ]
    )
    func noListing(_ body: String) {
        let error = #expect(throws: HubError.self) {
            try revision(.reply(status: 200, body: Data(body.utf8)))
        }
        #expect(error?.description.contains("does not answer like a hub") == true)
    }

    @Test("a revision with a slash is one part of the address")
    func revisionAddress() throws {
        let server = try ScriptedServer { _ in FakeHub.listing(commit: Self.commit, names: []) }
        _ = try client(server).revision(of: HubReference("org/judge@refs/pr/3"))
        #expect(server.count("/api/models/org/judge/revision/refs%2Fpr%2F3") == 1)
    }

    @Test(
        "a file needs a checksum, a length, and the commit that was asked for",
        arguments: [
            (["ETag": "\"abc\""], "no checksum (ETag \"abc\")"), ([:], "no checksum (ETag missing)"),
            (["X-Linked-Etag": "\"../../x\""], "no checksum"),
            (
                ["ETag": "W/\"" + commit + "\"", "X-Repo-Commit": HubDownloaderTests.second],
                "answers for commit 2"
            ),
            (["ETag": commit, "X-Linked-Size": "-1"], "how long the file is"),
            (["ETag": commit, "X-Linked-Size": "99999999999999999999"], "how long the file is"),
        ] as [([String: String], String)]
    )
    func badFile(_ headers: [String: String], _ words: String) throws {
        let server = try ScriptedServer { _ in .reply(status: 200, headers: headers) }
        let error = #expect(throws: HubError.self) {
            try client(server).file("config.json", of: HubReference("org/judge"), commit: Self.commit)
        }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test("redirects within the hub keep the token, redirects elsewhere and in circles do not work")
    func redirects() throws {
        let listing = FakeHub.listing(commit: Self.commit, names: ["config.json"])
        let seen = Lock<[String?]>([])
        let moved = try ScriptedServer { request in
            seen.withLock { $0.append(request.headers["authorization"]) }
            return request.path.hasSuffix("?new")
                ? listing : .reply(status: 307, headers: ["Location": "/x?new"])
        }
        _ = try client(moved, token: "hf_x").revision(of: HubReference("org/judge"))
        #expect(seen.withLock { $0 } == ["Bearer hf_x", "Bearer hf_x"])
        for location in ["ftp://x/y", "file:///etc/passwd", "https://", "", "http://user:word@127.0.0.1/"] {
            let error = #expect(throws: HubError.self) {
                try revision(.reply(status: 302, headers: location.isEmpty ? [:] : ["Location": location]))
            }
            #expect(error?.description.contains("which is not followed") == true)
        }
        let circle = try ScriptedServer { .reply(status: 302, headers: ["Location": $0.path]) }
        let error = #expect(throws: HubError.self) {
            try client(circle).revision(of: HubReference("org/judge"))
        }
        #expect(error?.description.contains("more than 8 places") == true)
    }

    @Test("another host that refuses an old signature is asked again through the hub")
    func expiredSignature() throws {
        let hub = try FakeHub(
            commits: HubDownloaderTests.commits,
            refs: HubDownloaderTests.refs,
            atStore: { $0.number == 0 ? .reply(status: 403, body: Data("expired".utf8)) : nil }
        )
        let folder = try TemporaryFolder()
        _ = try HubDownloader(
            client: HubClient(endpoint: hub.url, token: nil, retry: HubDownloaderTests.retry),
            destination: .cache(HubCache(folder: folder.path))
        ).pull(HubReference("org/judge"))
        let weights = hub.visits.filter { $0.method == "GET" && $0.path.hasSuffix("model.safetensors") }
        #expect(weights.count == 2)
    }

    @Test("no server is an error that says where it was looked for")
    func noServer() throws {
        let url = try ScriptedServer { _ in .hangUp }.url
        let client = HubClient(endpoint: url, token: nil, retry: HubDownloaderTests.retry)
        let error = #expect(throws: HubError.self) { try client.revision(of: HubReference("org/judge")) }
        #expect(
            error?.description.hasPrefix("cannot reach \(url)/api/models/org/judge/revision/main: ") == true
        )
    }
}
