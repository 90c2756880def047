import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Shared

@testable import RewardServer

/// A server in this process, with a client.
struct TestServer {
    /// The server's phase and model.
    let state = ServerState()
    var limits = ServerLimits()

    /// Starts a server and talks to it.
    ///
    /// - Parameters:
    ///   - model: The model; `nil` leaves the server loading.
    ///   - body: The conversation.
    /// - Throws: What the conversation throws.
    func run(
        _ model: ServedModel?,
        _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        if let model { state.becomeReady(model) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let application = RewardApplication(
            state: state,
            limits: limits,
            host: ModelHost(rowsOfPass: limits.rowsOfPass),
            logger: logger
        )
        try await application.service(host: "127.0.0.1", port: 0).test(.ahc(.http), body)
    }
}

/// A reply, read.
struct Reply {
    let status: Int
    let headers: HTTPFields
    let body: Data

    func decoded<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: body)
    }

    var error: ErrorBody.Details? {
        try? decoded(ErrorBody.self).error
    }
}

extension TestClientProtocol {
    func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        headers: HTTPFields = [:],
        body: Data? = nil
    ) async throws -> Reply {
        try await execute(
            uri: path,
            method: method,
            headers: headers,
            body: body.map { ByteBuffer(bytes: $0) }
        ) {
            Reply(
                status: Int($0.status.code),
                headers: $0.headers,
                body: Data($0.body.readableBytesView)
            )
        }
    }

    func post(_ text: String, type: String = "application/json") async throws -> Reply {
        try await send(.post, "/v1/edit-scores", headers: [.contentType: type], body: Data(text.utf8))
    }

    func post(_ request: EditScoresRequest, headers: HTTPFields = [:]) async throws -> Reply {
        var headers = headers
        headers[.contentType] = "application/json"
        return try await send(
            .post,
            "/v1/edit-scores",
            headers: headers,
            body: try JSONEncoder().encode(request)
        )
    }
}
