import Foundation
import HTTPTypes
import HummingbirdTesting
import Shared
import Testing

@testable import RewardServer

@Suite struct RefusalTests {
    /// A request as text, one part of it replaced.
    private static func text(_ replacing: String = "", with replacement: String = "") throws -> String {
        let image = try Fixtures.flat(1)
        let whole = """
            {"source": {"image": "\(image)"}, "instruction": "do it", "edits": [{"image": "\(image)"}], "options": {}}
            """
        return replacing.isEmpty ? whole : whole.replacing(replacing, with: replacement)
    }

    @Test("paths, methods, media types and lengths")
    func envelope() async throws {
        try await TestServer().run(Fixtures.model()) { client in
            #expect(try await client.post(try Self.text()).status == 200)
            let path = try await client.send(.get, "/v1/edits")
            #expect(path.status == 404 && path.error?.code == "unknown_path")
            let model = try await client.send(.get, "/v1/models/other")
            #expect(model.status == 404 && model.error?.parameter == "model")
            let method = try await client.send(.get, "/v1/edit-scores")
            #expect(method.status == 405 && method.headers[.allow] == "POST")
            let wrong = try await client.send(.delete, "/healthz")
            #expect(wrong.status == 405 && wrong.headers[.allow] == "GET, HEAD")
            let type = try await client.post(try Self.text(), type: "multipart/form-data")
            #expect(type.status == 415 && type.error?.code == "unsupported_media_type")
            let charset = try await client.post(try Self.text(), type: "application/json; charset=utf-8")
            #expect(charset.status == 200)
            let encoded = try await client.send(
                .post,
                "/v1/edit-scores",
                headers: [.contentEncoding: "gzip", .contentType: "application/json"],
                body: Data([1])
            )
            #expect(encoded.status == 415)
        }
    }

    @Test("a body over the limit is refused, announced or not")
    func tooLarge() async throws {
        var server = TestServer()
        server.limits.maximumBody = 1_000
        try await server.run(Fixtures.model()) { client in
            let reply = try await client.post(String(repeating: " ", count: 1_001))
            #expect(reply.status == 413 && reply.error?.code == "body_too_large")
        }
    }

    @Test("a body without a length, in endless chunks, or too slow")
    func rawBodies() async throws {
        var server = TestServer()
        server.limits.maximumBody = 1_000
        server.limits.bodyTimeout = .milliseconds(300)
        try await server.run(Fixtures.model()) { client in
            let port = try #require(client.port)
            func status(_ headers: String, _ body: String) async throws -> Int {
                let connection = try RawConnection(port: port)
                connection.send(
                    "POST /v1/edit-scores HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\(headers)\r\n\(body)"
                )
                return await connection.reply().status
            }
            let chunk = "258\r\n" + String(repeating: " ", count: 600) + "\r\n"
            #expect(try await status("", "") == 411)
            #expect(try await status("Transfer-Encoding: chunked\r\n", chunk + chunk) == 413)
            #expect(try await status("Transfer-Encoding: chunked\r\n", "3\r\n{} \r\n0\r\n\r\n") == 400)
            #expect(try await status("Content-Length: 50\r\n", "{") == 408)
            #expect(try await status("Content-Length: -1\r\n", "") == 400)
            #expect(try await status("Content-Length: 99999999999999999999\r\n", "") >= 400)
            #expect(try await client.send(.get, "/healthz").status == 200)
        }
    }

    @Test(
        "what the body says wrong is named",
        arguments: [
            ("\"options\": {}", "\"top_p\": 1", "unknown_key", "top_p"),
            ("\"options\": {}", "\"options\": {\"top_p\": 1}", "unknown_key", "options.top_p"),
            ("\"edits\": [{", "\"edits\": [{\"path\": \"x\", ", "unknown_key", "edits[0].path"),
            ("\"instruction\": \"do it\", ", "", "missing_key", "instruction"),
            ("\"do it\"", "7", "wrong_type", "instruction"),
            ("\"do it\"", "null", "wrong_type", "instruction"),
            ("\"do it\"", "\"  \"", "blank_instruction", "instruction"),
            ("\"edits\": [", "\"edits\": [7, ", "wrong_type", "edits[0]"),
            ("{\"image\": \"data", "{\"id\": [], \"image\": \"data", "unknown_key", "source.id"),
            ("{}", "{\"temperature\": 0}", "invalid_value", "options.temperature"),
            ("{}", "{\"temperature\": -1e300}", "invalid_value", "options.temperature"),
            ("{}", "{\"min_mass\": 1.5}", "invalid_value", "options.min_mass"),
            ("{}", "{\"deadline_ms\": 0}", "invalid_value", "options.deadline_ms"),
            ("{}", "{\"return\": [\"mass\", \"all\"]}", "invalid_value", "options.return[1]"),
            ("{}", "{\"return\": \"mass\"}", "wrong_type", "options.return"),
        ]
    )
    func fields(part: String, replacement: String, code: String, parameter: String) async throws {
        try await TestServer().run(Fixtures.model()) { client in
            let reply = try await client.post(try Self.text(part, with: replacement))
            #expect(reply.status == 400)
            #expect(reply.error?.code == code)
            #expect(reply.error?.parameter == parameter)
            #expect(reply.error?.requestID?.hasPrefix("req_") == true)
        }
    }

    @Test("counts, names and models outside the limits")
    func groups() async throws {
        var server = TestServer()
        server.limits.maximumEdits = 2
        try await server.run(Fixtures.model()) { client in
            let many = try await client.post(try Fixtures.flatGroup([1, 2, 3]))
            #expect(many.status == 400 && many.error?.code == "too_many_edits")
            let none = try await client.post(try Fixtures.flatGroup([]))
            #expect(none.status == 400 && none.error?.code == "no_edits")
            var twice = try Fixtures.flatGroup([1, 2])
            twice.edits[0].id = "1"
            #expect(try await client.post(twice).error?.code == "repeated_id")
            var long = try Fixtures.flatGroup([1])
            long.requirement = String(repeating: "x", count: 16_001)
            #expect(try await client.post(long).error?.parameter == "requirement")
            var other = try Fixtures.flatGroup([1])
            other.model = "gpt"
            let model = try await client.post(other)
            #expect(model.status == 404 && model.error?.code == "unknown_model")
        }
    }

    @Test("rubrics that do not work are 422, unknown names 404")
    func rubrics() async throws {
        try await TestServer().run(Fixtures.model()) { client in
            var request = try Fixtures.flatGroup([1])
            request.rubric = .named("none")
            let unknown = try await client.post(request)
            #expect(unknown.status == 404 && unknown.error?.code == "unknown_rubric")
            request.rubric = .inline(
                RubricDocument(
                    template: "{instruction}",
                    labels: [RubricLabel(tokens: ["0"], value: 0), RubricLabel(tokens: ["10"], value: 10)]
                )
            )
            let tokens = try await client.post(request)
            #expect(tokens.status == 422 && tokens.error?.parameter == "rubric")
            #expect(tokens.error?.message.contains("\"1\" (49) \"0\" (48)") == true)
            request.rubric = .inline(RubricDocument(template: "{prompt}", labels: []))
            #expect(try await client.post(request).status == 422)
        }
    }

    @Test("images: a bad source, all candidates bad, one bad of a strict request")
    func images() async throws {
        try await TestServer().run(Fixtures.model()) { client in
            var request = try Fixtures.flatGroup([1, 2])
            request.source.image = "https://example.org/a.png"
            let source = try await client.post(request)
            #expect(source.status == 400 && source.error?.parameter == "source.image")
            #expect(source.error?.type == "invalid_image" && source.error?.code == "invalid_data_uri")

            request = try Fixtures.flatGroup([1, 2])
            request.edits[1].image = "data:image/png;base64,####"
            let one = try await client.post(request)
            #expect(one.status == 200)
            request.strict = true
            let strict = try await client.post(request)
            #expect(strict.status == 400 && strict.error?.parameter == "edits[1]")

            request.strict = nil
            request.edits[0].image = "data:image/png;base64,"
            let all = try await client.post(request)
            #expect(all.status == 400 && all.error?.code == "empty_image")
            let body: ErrorBody = try all.decoded()
            #expect(body.scores?.map { $0.outcome.failure?.code } == ["empty_image", "invalid_data_uri"])
        }
    }

    @Test("a model that fails inside is a 500, and the server lives on")
    func internalFailure() async throws {
        struct Broken: Error {}
        let judge = StubJudge(answer: { _ in .failure(ScoreFailure(type: "model_error", message: "broken")) })
        try await TestServer().run(Fixtures.model(judge)) { client in
            let reply = try await client.post(try Fixtures.flatGroup([1]))
            #expect(reply.status == 500 && reply.error?.type == "model_error")
            #expect(try await client.send(.get, "/healthz").status == 200)
        }
    }

    @Test("hostile JSON is a 400 and nothing else", arguments: hostile)
    func hostileBody(_ body: Data) async throws {
        try await TestServer().run(Fixtures.model()) { client in
            let reply = try await client.send(
                .post,
                "/v1/edit-scores",
                headers: [.contentType: "application/json"],
                body: body
            )
            #expect(reply.status == 400)
            #expect(reply.error?.type == "invalid_request")
            #expect((reply.error?.message.count ?? 1_000) <= 400)
            #expect(try await client.send(.get, "/healthz").status == 200)
        }
    }

    private static let hostile: [Data] = {
        var bodies = [
            "", "{", "null", "[]", "\"\"", "7", "{}", "{\"edits\":", "\u{FEFF}{}", "{\"edits\": 1e999}",
            "{\"options\": {\"deadline_ms\": 1e40}}", "{\"instruction\": \"\\ud800\"}", "{'a': 1}", "NaN",
            "{\"options\": {\"temperature\": NaN}}", "{\"a\": 1}} {",
            String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
            "{\"edits\": [" + String(repeating: "{},", count: 100_000) + "{}]}",
            "{\"edits\": [" + String(repeating: "[],", count: 15_000) + "[]]}",
            "{\"rubric\": " + String(repeating: "[", count: 14) + String(repeating: "]", count: 14) + "}",
            "{\"" + String(repeating: "k", count: 1_000_000) + "\": 1}",
            "{" + (0..<9_000).map { "\"k\($0)\": 1" }.joined(separator: ",") + "}",
        ].map { Data($0.utf8) }
        bodies.append(Data([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A, 0x31, 0x7D]))
        bodies.append(Data([0x00, 0x00, 0x00, 0x7B]))
        bodies.append(Data((0..<4_096).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ 11) }))
        return bodies
    }()
}
