import Foundation
import Shared

extension EvaluationJudge {
    private static let timeout = Duration.seconds(30)

    /// A model behind a running server.
    ///
    /// - Parameters:
    ///   - url: The server's address.
    ///   - rubric: A rubric's name or file; `nil` takes the server's default.
    /// - Throws: ``RemoteError``, ``RubricError``.
    init(url: String, rubric: String?) throws {
        let information: Information = try Self.get("/v1/info", of: url)
        let list: RubricList = try Self.get("/v1/rubrics", of: url)
        let name: String
        switch try ShellQuestion.rubricReference(rubric) {
        case .inline(let document):
            try self.init(
                information,
                rubric: Rubric(document, name: "request"),
                rubricName: rubric,
                url: url
            )
            return
        case .named(let asked): name = asked
        case nil: name = list.default
        }
        guard let entry = list.data.first(where: { $0.name == name }) else {
            throw RubricError.unknownName(name: String(name.prefix(80)), known: list.data.map(\.name))
        }
        try self.init(information, rubric: Rubric(entry.rubric, name: name), rubricName: rubric, url: url)
    }

    private init(_ information: Information, rubric: Rubric, rubricName: String?, url: String) {
        self.init(
            model: information.model.id,
            fingerprint: information.model.fingerprint,
            preprocessHash: information.preprocessHash,
            rubric: rubric,
            rubricName: rubricName,
            groupLimit: max(1, min(Self.usualGroup, information.limits.maximumEdits)),
            answer: RemoteScoring(url: url).answer
        )
    }

    private static func get<Value: Decodable>(_ path: String, of url: String) throws(RemoteError) -> Value {
        let address = (url.hasSuffix("/") ? String(url.dropLast()) : url) + path
        let reply: HTTPExchange.Reply
        do {
            reply = try HTTPExchange().perform(address, body: nil, timeout: timeout)
        } catch {
            throw .unreachable(url: address, reason: error.reason)
        }
        guard reply.status == 200 else {
            let refusal = try? JSONDecoder().decode(ErrorBody.self, from: Data(reply.body))
            throw .refused(
                url: url,
                status: reply.status,
                message: refusal?.error.message ?? "it is no reward-server"
            )
        }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(reply.body))
        } catch {
            throw .unreadable(url: url, reason: DecodingReason(error).text)
        }
    }

    /// What is read of `GET /v1/info`.
    private struct Information: Decodable {
        struct Model: Decodable {
            let id: String
            let fingerprint: String
        }

        struct Limits: Decodable {
            let maximumEdits: Int

            private enum CodingKeys: String, CodingKey {
                case maximumEdits = "max_edits"
            }
        }

        let model: Model
        let preprocessHash: String
        let limits: Limits

        private enum CodingKeys: String, CodingKey {
            case model
            case preprocessHash = "preprocess_hash"
            case limits
        }
    }

    /// What is read of `GET /v1/rubrics`.
    private struct RubricList: Decodable {
        struct Entry: Decodable {
            let name: String
            let rubric: RubricDocument
        }

        let `default`: String
        let data: [Entry]
    }
}
