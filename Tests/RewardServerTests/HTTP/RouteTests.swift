import Foundation
import HTTPTypes
import HummingbirdTesting
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct RouteTests {
    @Test("a group is scored, named, and answered in order")
    func scores() async throws {
        let name = try #require(RewardApplication.requestIDName)
        try await TestServer().run(Fixtures.model()) { client in
            var request = try Fixtures.flatGroup([1, 5, 3])
            request.edits[0].id = "first"
            let reply = try await client.post(request, headers: [name: "abc-1"])
            #expect(reply.status == 200)
            #expect(reply.headers[.contentType] == "application/json")
            #expect(reply.headers[name] == "abc-1")
            let response: EditScoresResponse = try reply.decoded()
            #expect(response.object == "edit_scores")
            #expect(response.model == "stub")
            #expect(response.rubric == (try RubricLibrary().standard.identity))
            #expect(response.scores.map(\.id) == ["first", "1", "2"])
            #expect(response.scores.map { $0.outcome.score?.argmax } == ["1", "5", "3"])
            #expect(response.group == GroupSummary(response.scores))
            #expect(response.group.rank == ["1", "2", "first"])
            #expect(response.usage.promptTokens == 30)
        }
    }

    @Test("what a reply holds is written under the names of the contract")
    func names() async throws {
        try await TestServer().run(Fixtures.model()) { client in
            let reply = try await client.post(try Fixtures.flatGroup([1]))
            let object = try #require(try JSONSerialization.jsonObject(with: reply.body) as? [String: Any])
            #expect(
                Set(object.keys) == [
                    "id", "object", "created", "model", "model_fingerprint", "rubric", "preprocess_hash",
                    "scores",
                    "group", "usage", "timings",
                ]
            )
            let item = try #require((object["scores"] as? [[String: Any]])?.first)
            #expect(
                Set(item.keys) == [
                    "id", "index", "score", "raw", "probs", "argmax", "entropy", "entropy_norm", "stddev",
                    "mass",
                    "warnings",
                ]
            )
            let timings = try #require(object["timings"] as? [String: Any])
            #expect(
                Set(timings.keys) == [
                    "queue_ms", "decode_ms", "vision_ms", "prefill_ms", "head_ms", "total_ms",
                ]
            )
        }
    }

    @Test(
        "a reply holds what options.return names",
        arguments: [
            ([], []), ([.probabilities], ["probs"]), ([.entropy], ["entropy", "entropy_norm", "stddev"]),
            ([.mass, .timings], ["mass"]),
        ] as [([ReplyPart], Set<String>)]
    )
    func parts(asked: [ReplyPart], names: Set<String>) async throws {
        try await TestServer().run(Fixtures.model()) { client in
            var request = try Fixtures.flatGroup([1])
            request.options = ScoreOptions(returned: asked)
            let reply = try await client.post(request)
            let object = try #require(try JSONSerialization.jsonObject(with: reply.body) as? [String: Any])
            #expect(object.keys.contains("timings") == asked.contains(.timings))
            let item = try #require((object["scores"] as? [[String: Any]])?.first)
            #expect(Set(item.keys) == names.union(["id", "index", "score", "raw", "argmax", "warnings"]))
            let metrics = String(decoding: try await client.send(.get, "/metrics").body, as: UTF8.self)
            #expect(metrics.contains("reward_request_seconds_count 1\n"))
            #expect(metrics.contains("reward_label_mass_count \(asked.contains(.mass) ? 1 : 0)\n"))
        }
    }

    @Test("every information route answers, with and without HEAD")
    func information() async throws {
        let name = try #require(RewardApplication.requestIDName)
        try await TestServer().run(Fixtures.model()) { client in
            let paths = [
                "/healthz", "/readyz", "/health", "/v1/health", "/version", "/v1/models", "/v1/models/stub",
                "/v1/rubrics", "/v1/info",
            ]
            for path in paths {
                let reply = try await client.send(.get, path)
                #expect(reply.status == 200, "\(path)")
                #expect(reply.headers[name]?.hasPrefix("req_") == true)
                #expect((try? JSONSerialization.jsonObject(with: reply.body)) != nil, "\(path)")
                let head = try await client.send(.head, path)
                #expect(head.status == 200 && head.body.isEmpty, "\(path)")
            }
            let info = try #require(
                try JSONSerialization.jsonObject(with: await client.send(.get, "/v1/info").body)
                    as? [String: Any]
            )
            #expect((info["limits"] as? [String: Int])?["max_edits"] == 64)
            let rubrics = try #require(
                try JSONSerialization.jsonObject(with: await client.send(.get, "/v1/rubrics").body)
                    as? [String: Any]
            )
            #expect(rubrics["default"] as? String == "edit-r1")
        }
    }

    @Test("a listed rubric can be sent back whole and scores the same")
    func rubricRoundTrip() async throws {
        struct List: Decodable {
            struct Entry: Decodable {
                var rubric: RubricDocument
            }
            var data: [Entry]
        }
        try await TestServer().run(Fixtures.model()) { client in
            let list: List = try await client.send(.get, "/v1/rubrics").decoded()
            var request = try Fixtures.flatGroup([4])
            let named: EditScoresResponse = try await client.post(request).decoded()
            request.rubric = .inline(list.data[0].rubric)
            let whole: EditScoresResponse = try await client.post(request).decoded()
            #expect(whole.rubric == named.rubric)
            #expect(whole.scores == named.scores)
        }
    }

    @Test("before the model is there only health and version answer")
    func loading() async throws {
        try await TestServer().run(nil) { client in
            for path in ["/healthz", "/version"] {
                #expect(try await client.send(.get, path).status == 200)
            }
            for path in ["/readyz", "/health", "/v1/models", "/v1/info", "/v1/rubrics"] {
                let reply = try await client.send(.get, path)
                #expect(reply.status == 503 && reply.error?.code == "loading", "\(path)")
                #expect(reply.headers[.retryAfter] == "5")
            }
            #expect(try await client.post(try Fixtures.flatGroup([1])).status == 503)
        }
    }

    @Test("while the server drains it takes no new work and still says what it is")
    func draining() async throws {
        let server = TestServer()
        try await server.run(Fixtures.model()) { client in
            server.state.drain()
            let reply = try await client.post(try Fixtures.flatGroup([1]))
            #expect(reply.status == 503 && reply.error?.code == "draining")
            #expect(reply.headers[.retryAfter] == "5")
            #expect(try await client.send(.get, "/readyz").status == 503)
            #expect(try await client.send(.get, "/healthz").status == 200)
            #expect(try await client.send(.get, "/v1/info").status == 200)
        }
    }

    @Test("HTTP and direct scoring agree bit for bit on a real model")
    func bits() async throws {
        let model = try Fixtures.load()
        let direct = try Fixtures.score(try Fixtures.group(), model)
        try await TestServer().run(model) { client in
            let response: EditScoresResponse = try await client.post(try Fixtures.group()).decoded()
            #expect(response.scores == direct.scores)
            #expect(response.modelFingerprint == direct.modelFingerprint)
        }
    }
}
