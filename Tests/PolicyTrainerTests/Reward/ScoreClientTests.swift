import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("The client of the judges")
struct ScoreClientTests {
    private let fast = RetryPolicy(
        attempts: 4,
        firstDelay: .milliseconds(20),
        longestDelay: .milliseconds(100),
        timeout: .milliseconds(800),
        deadline: .seconds(6)
    )

    private func request(candidates: Int = 2) -> JudgeRequest {
        let image = PixelImage(width: 2, height: 2, pixels: Array(0..<12))
        return JudgeRequest(
            source: image,
            instruction: "make it blue",
            requirement: "keep \"the\" rest",
            candidates: Array(repeating: image, count: candidates)
        )
    }

    private func client(_ servers: [ScriptedServer], retry: RetryPolicy? = nil) throws -> ScoreClient {
        try ScoreClient(urls: servers.map(\.url), retry: retry ?? fast)
    }

    /// A server whose first reactions are given, and which then gives sound scores.
    private func server(first reactions: [ScriptedServer.Reaction]) throws -> ScriptedServer {
        try ScriptedServer { request in
            request.number < reactions.count
                ? reactions[request.number]
                : .reply(status: 200, body: JudgeReplies.body(scores: [0.25, 0.75]))
        }
    }

    @Test("one request carries the whole group without loss, and scores keep their order")
    func contract() async throws {
        let seen = Lock<EditScoresRequest?>(nil)
        let server = try ScriptedServer { request in
            seen.withLock { $0 = try? JSONDecoder().decode(EditScoresRequest.self, from: request.body) }
            return .reply(status: 200, body: JudgeReplies.body(scores: [0.25, 0.75]))
        }
        let replies = try await client([server]).score([request()])
        #expect(replies.map(\.scores) == [.complete([0.25, 0.75])])
        #expect(replies.map(\.fingerprint) == ["sha256:judge"])
        let sent = try #require(seen.withLock { $0 })
        #expect(sent.instruction == "make it blue")
        #expect(sent.requirement == "keep \"the\" rest")
        #expect(sent.edits.map(\.id) == ["0", "1"])
        #expect(sent.options == ScoreOptions(returned: []))
        let bytes = try DataURI(sent.source.image).bytes
        #expect(try ImageDecoder.decode(bytes, name: "source") == request().source)
        #expect(server.count("/v1/edit-scores") == 1)
    }

    @Test("failures that may pass are tried again")
    func retries() async throws {
        let failures: [ScriptedServer.Reaction] = [
            .reply(status: 429), .reply(status: 500, body: Data("oops".utf8)), .reply(status: 503), .hangUp,
            .half(body: Data("{\"scores\": [".utf8)), .reply(status: 200, body: Data("not JSON".utf8)),
            .reply(status: 200, body: JudgeReplies.body(scores: [0.5])),
            .reply(status: 200, body: JudgeReplies.body(scores: [0.5, 1.5])),
            .late(seconds: 2, body: JudgeReplies.body(scores: [0, 0])),
        ]
        for failure in failures {
            let server = try server(first: [failure])
            let reply = try await client([server]).score([request()])[0]
            #expect(reply.scores == .complete([0.25, 0.75]), "after \(failure)")
            #expect(reply.attempts == 2, "after \(failure)")
        }
    }

    @Test("Retry-After is honoured")
    func retryAfter() async throws {
        let server = try server(first: [.reply(status: 429, headers: ["Retry-After": "1"])])
        #expect(try await client([server]).score([request()])[0].scores == .complete([0.25, 0.75]))
        let times = server.scoreTimes
        #expect(times[0].duration(to: times[1]) >= .milliseconds(990))
    }

    @Test("a Retry-After beyond the deadline ends the request at once")
    func hopeless() async throws {
        let server = try server(first: [.reply(status: 503, headers: ["Retry-After": "3600"])])
        let start = ContinuousClock.now
        let reply = try await client([server]).score([request()])[0]
        guard case .missing(let reason) = reply.scores else {
            Issue.record("scored")
            return
        }
        #expect(reason.contains("503"))
        // Far below the hour that the server asked for, even on a busy machine.
        #expect(start.duration(to: .now) < .seconds(60))
    }

    @Test("tries are bounded, and the group is then missing, not zero")
    func bounded() async throws {
        let server = try ScriptedServer { _ in .reply(status: 500, body: Data("broken".utf8)) }
        let reply = try await client([server]).score([request()])[0]
        guard case .missing(let reason) = reply.scores else {
            Issue.record("scored")
            return
        }
        #expect(reason.contains("broken"))
        #expect(server.count("/v1/edit-scores") == 4)
    }

    @Test("one failed candidate makes the group missing, without another try")
    func partial() async throws {
        let server = try ScriptedServer { _ in
            .reply(
                status: 200,
                body: JudgeReplies.body([
                    .score(JudgeReplies.score(0.5)),
                    .failure(ScoreFailure(type: "invalid_image", message: "edits[1]: truncated PNG")),
                ])
            )
        }
        let reply = try await client([server]).score([request()])[0]
        #expect(reply.scores == .missing(reason: "candidate 1: edits[1]: truncated PNG"))
        #expect(server.count("/v1/edit-scores") == 1)
    }

    @Test("a request that is wrong in itself is not repeated", arguments: [400, 413, 422])
    func wrong(status: Int) async throws {
        let server = try ScriptedServer { _ in
            let body = ErrorBody(
                error: .init(message: "label \"6\" is not one token", type: "invalid_request")
            )
            return .reply(status: status, body: (try? JSONEncoder().encode(body)) ?? Data())
        }
        let reply = try await client([server]).score([request()])[0]
        #expect(reply.scores == .missing(reason: "status \(status): label \"6\" is not one token"))
        #expect(server.count("/v1/edit-scores") == 1)
    }

    @Test("a server that refuses this client ends the run", arguments: [401, 403, 404])
    func refused(status: Int) async throws {
        let server = try ScriptedServer { _ in .reply(status: status, body: Data("who are you?".utf8)) }
        await #expect(throws: RewardError.refused(url: server.url, status: status, message: "who are you?")) {
            try await client([server]).score([request()])
        }
    }

    @Test("a dead server's load goes to the others")
    func dead() async throws {
        let alive = try server(first: [])
        let broken = try ScriptedServer { _ in .hangUp }
        let replies = try await client([broken, alive]).score((0..<12).map { _ in request() })
        #expect(replies.allSatisfy { $0.scores == .complete([0.25, 0.75]) })
        #expect(broken.count("/v1/edit-scores") < 8)
    }

    @Test("load is spread over the servers, and replies keep the order of the requests")
    func balance() async throws {
        let servers = try (0..<2).map { _ in
            try ScriptedServer { request in
                let sent = try? JSONDecoder().decode(EditScoresRequest.self, from: request.body)
                // Early requests take longer, so that replies arrive in another order.
                let count = sent?.edits.count ?? 0
                let scores = (0..<count).map { Double($0) / 100 }
                return .late(seconds: 0.2 / Double(count), body: JudgeReplies.body(scores: scores))
            }
        }
        let replies = try await client(servers).score((1...12).map { request(candidates: $0) })
        for (index, reply) in replies.enumerated() {
            #expect(reply.scores == .complete((0...index).map { Double($0) / 100 }))
        }
        #expect(servers.allSatisfy { $0.count("/v1/edit-scores") >= 4 })
    }

    @Test("at the start, one ready server is enough and none is an error in time")
    func readiness() async throws {
        let ready = try ScriptedServer { _ in .reply(status: 200) }
        let loading = try ScriptedServer { _ in .reply(status: 503, body: Data("loading".utf8)) }
        #expect(
            try await client([loading, ready]).waitUntilReady() == ["\(loading.url): status 503: loading"]
        )
        await #expect(throws: RewardError.self) {
            try await client([loading]).waitUntilReady(within: .seconds(1))
        }
    }

    @Test("nobody at the port is an error that names the address")
    func nobody() async throws {
        let url = try ScriptedServer { _ in .hangUp }.url
        let client = try ScoreClient(urls: [url], retry: fast)
        do {
            _ = try await client.waitUntilReady(within: .seconds(1))
            Issue.record("ready")
        } catch {
            #expect("\(error)".contains(url))
        }
    }

    @Test("the key travels as a bearer token")
    func token() async throws {
        let server = try ScriptedServer { request in
            request.headers["authorization"] == "Bearer secret"
                ? .reply(status: 200, body: JudgeReplies.body(scores: [0, 1])) : .reply(status: 401)
        }
        let client = try ScoreClient(urls: [server.url + "/"], retry: fast, token: "secret")
        #expect(try await client.score([request()])[0].scores == .complete([0, 1]))
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "localhost:80", "ftp://x", "http://", "http:///x", "http://a b"]
    )
    func addresses(url: String) {
        #expect(throws: RewardError.invalidServer(url: url)) {
            try ScoreClient(urls: [url])
        }
    }

    @Test("waits double up to a limit, and never undercut what the server asked for")
    func delays() {
        let policy = RetryPolicy(firstDelay: .seconds(1), longestDelay: .seconds(5))
        #expect(
            (1...5).map { policy.delay(failures: $0, retryAfter: nil, jitter: 1) / .seconds(1) } == [
                1, 2, 4, 5, 5,
            ]
        )
        #expect(policy.delay(failures: 1, retryAfter: nil, jitter: 0) == .milliseconds(500))
        #expect(policy.delay(failures: 1, retryAfter: .seconds(30), jitter: 0.5) == .seconds(30))
        #expect(policy.delay(failures: 1_000, retryAfter: nil, jitter: 1) == .seconds(5))
    }
}
