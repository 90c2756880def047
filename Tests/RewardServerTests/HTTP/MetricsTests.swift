import Foundation
import HTTPTypes
import HummingbirdTesting
import Shared
import Testing

@testable import RewardServer

@Suite struct MetricsTests {
    private func metrics(_ client: any TestClientProtocol) async throws -> [String: Double] {
        let reply = try await client.send(.get, "/metrics")
        #expect(reply.status == 200)
        #expect(reply.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        let lines = String(decoding: reply.body, as: UTF8.self).split(separator: "\n")
        let values = lines.filter { !$0.hasPrefix("#") }.map { line -> (String, Double) in
            let cut = line.lastIndex(of: " ") ?? line.startIndex
            return (String(line[..<cut]), Double(line[cut...].dropFirst()) ?? .nan)
        }
        #expect(values.allSatisfy { $0.1.isFinite })
        return Dictionary(values) { _, _ in .nan }
    }

    @Test("requests, candidates, stages and tokens are counted")
    func counts() async throws {
        try await TestServer().run(Fixtures.model()) { client in
            _ = try await client.post(try Fixtures.flatGroup([1, 5, 3]))
            _ = try await client.post("{}")
            _ = try await client.send(.get, "/nowhere")
            let values = try await metrics(client)
            #expect(values[#"reward_requests_total{route="/v1/edit-scores",code="200"}"#] == 1)
            #expect(values[#"reward_requests_total{route="/v1/edit-scores",code="400"}"#] == 1)
            #expect(values[#"reward_requests_total{route="other",code="404"}"#] == 1)
            #expect(values[#"reward_rejected_total{reason="unknown_path"}"#] == 1)
            #expect(values[#"reward_items_total{outcome="scored"}"#] == 3)
            #expect(values["reward_prompt_tokens_total"] == 30)
            #expect(values["reward_queue_depth"] == 0)
            #expect(values["reward_request_seconds_count"] == 1)
            #expect(values[#"reward_request_seconds_bucket{le="+Inf"}"#] == 1)
            #expect(values[#"reward_stage_seconds_count{stage="prefill"}"#] == 1)
            #expect(values[#"reward_batch_items_bucket{le="2"}"#] == 0)
            #expect(values[#"reward_batch_items_bucket{le="4"}"#] == 1)
            #expect(values["reward_score_count"] == 3)
            #expect(values.keys.contains { $0.hasPrefix(#"reward_model_info{model="stub""#) })
            #expect(try #require(values["process_resident_memory_bytes"]) > 0)
        }
    }

    @Test("a source that was seen before is a hit of the image cache and of the prefix cache")
    func hits() async throws {
        try await TestServer().run(try Fixtures.load()) { client in
            let first: EditScoresResponse = try await client.post(try Fixtures.group()).decoded()
            #expect(first.usage.cachedTokens == 0 && first.usage.imagesCached == 0)
            let second: EditScoresResponse = try await client.post(try Fixtures.group()).decoded()
            #expect(second.usage.cachedTokens > 0 && second.usage.imagesEncoded == 0)
            #expect(second.scores == first.scores)
            let values = try await metrics(client)
            #expect(values["reward_prefix_cache_hit_tokens_total"] == Double(second.usage.cachedTokens))
            #expect(values["reward_image_cache_hits_total"] == Double(second.usage.imagesCached))
            #expect(
                values["reward_image_cache_queries_total"]
                    == Double(first.usage.imagesEncoded + second.usage.imagesCached)
            )
        }
    }

    @Test("metrics are there before the model is")
    func loading() async throws {
        try await TestServer().run(nil) { client in
            let values = try await metrics(client)
            #expect(values["reward_queue_depth"] == 0)
            #expect(!values.keys.contains { $0.hasPrefix("reward_model_info") })
        }
    }

    @Test("labels are escaped")
    func escaping() {
        var text = MetricsText()
        text.add("a", "gauge", "b", [([("c", "\"\\\n")], 0.5)])
        #expect(text.text.hasSuffix("a{c=\"\\\"\\\\\\n\"} 0.5\n"))
    }
}
