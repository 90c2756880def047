import Foundation
import HTTPTypes
import HummingbirdTesting
import Shared
import Testing

@testable import RewardServer

@Suite struct LoadTests {
    @Test("/healthz answers within 50 ms while a forward pass runs")
    func responsiveness() async throws {
        let judge = StubJudge(delay: .milliseconds(40))
        let server = TestServer()
        try await server.run(Fixtures.model(judge)) { client in
            _ = try await client.send(.get, "/healthz")
            async let scoring = client.post(try Fixtures.flatGroup(Array(1...32)))
            while server.state.activeRequests == 0 {
                try await Task.sleep(for: .milliseconds(2))
            }
            var times: [Duration] = []
            for _ in 0..<15 {
                let start = ContinuousClock.now
                #expect(try await client.send(.get, "/healthz").status == 200)
                times.append(ContinuousClock.now - start)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(server.state.activeRequests == 1, "the pass must still be running")
            #expect(times.sorted()[times.count / 2] < .milliseconds(50))
            #expect(try await scoring.status == 200)
        }
    }

    @Test("requests beyond the queue get 429 and a time to come back; those inside are served in turn")
    func overload() async throws {
        var server = TestServer()
        server.limits.maximumEdits = 4
        server.limits.maximumQueue = 8
        let running = server
        try await running.run(Fixtures.model(StubJudge(delay: .milliseconds(60)))) { client in
            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await client.post(try Fixtures.flatGroup([1, 2, 3, 4])) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let refused = replies.filter { $0.status == 429 }
            #expect(replies.filter { $0.status == 200 }.count >= 2)
            #expect(!refused.isEmpty)
            #expect(refused.allSatisfy { $0.error?.code == "queue_full" })
            #expect(refused.allSatisfy { Int($0.headers[.retryAfter] ?? "") ?? 0 >= 1 })
            #expect(try await client.post(try Fixtures.flatGroup([1])).status == 200)
        }
    }

    @Test("a deadline ends the pass with 504")
    func deadline() async throws {
        try await TestServer().run(Fixtures.model(StubJudge(delay: .milliseconds(100)))) { client in
            var request = try Fixtures.flatGroup(Array(1...20))
            request.options = ScoreOptions(deadlineMilliseconds: 150)
            let start = ContinuousClock.now
            let reply = try await client.post(request)
            #expect(reply.status == 504 && reply.error?.code == "deadline")
            #expect(ContinuousClock.now - start < .seconds(1.5))
        }
    }

    @Test("a client that goes away ends its own pass")
    func departure() async throws {
        let server = TestServer()
        try await server.run(Fixtures.model(StubJudge(delay: .milliseconds(100)))) { client in
            let request = Task { try await client.post(try Fixtures.flatGroup(Array(1...60))) }
            while server.state.activeRequests == 0 {
                try await Task.sleep(for: .milliseconds(5))
            }
            request.cancel()
            _ = await request.result
            let end = ContinuousClock.now + .seconds(3)
            while server.state.activeRequests > 0, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(server.state.activeRequests == 0, "6 s of work must not be finished for nobody")
        }
    }
}
