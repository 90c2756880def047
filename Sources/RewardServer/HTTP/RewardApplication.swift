import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Shared

/// The HTTP application: from method and path to a reply, with a name for every request.
struct RewardApplication: Sendable {
    /// What every request may ask about.
    let state: ServerState
    /// What clients may ask for.
    let limits: ServerLimits
    private let scoring: ScoringEndpoint
    private let information: InformationEndpoints
    private let metrics: ServerMetrics
    private let logger: Logger

    private static let scoringPath = "/v1/edit-scores"
    private static let modelsPath = "/v1/models"
    /// The paths that metrics tell apart.
    private static let routes: Set = [
        scoringPath, modelsPath, "/healthz", "/readyz", "/health", "/v1/health", "/version", "/v1/rubrics",
        "/v1/info", "/metrics",
    ]
    /// The header of a request's name.
    static let requestIDName = HTTPField.Name("X-Request-Id")

    /// Puts the parts together.
    ///
    /// - Parameters:
    ///   - state: The server's phase and model.
    ///   - limits: What clients may ask for.
    ///   - host: The model's queue.
    ///   - logger: Where requests are logged.
    init(state: ServerState, limits: ServerLimits, host: ModelHost, logger: Logger) {
        self.state = state
        self.limits = limits
        self.logger = logger
        let metrics = ServerMetrics()
        self.metrics = metrics
        let queue = ScoreQueue(capacity: max(limits.maximumQueue, limits.maximumEdits))
        scoring = ScoringEndpoint(
            state: state,
            limits: limits,
            queue: queue,
            intake: IntakeHost(),
            host: host,
            metrics: metrics,
            logger: logger
        )
        information = InformationEndpoints(state: state, limits: limits, queue: queue, metrics: metrics)
    }

    /// The application that Hummingbird runs.
    ///
    /// - Parameters:
    ///   - host: The address to listen on.
    ///   - port: The port; 0 takes a free one.
    ///   - onRunning: Called with the port once the listener is up.
    /// - Returns: A service.
    func service(
        host: String,
        port: Int,
        onRunning: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> Application<CallbackResponder<BasicRequestContext>> {
        var ownLogger = logger
        ownLogger.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: CallbackResponder { request, _ in await respond(to: request) },
            server: .http1(
                configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(120))
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                serverName: "reward-server"
            ),
            onServerRunning: { channel in onRunning(channel.localAddress?.port ?? port) },
            logger: ownLogger
        )
    }

    private func respond(to request: Request) async -> Response {
        let requestID = Self.requestID(of: request)
        var response: Response
        var rejection: String?
        do {
            response = try await reply(to: request, requestID: requestID)
        } catch {
            let reply = ErrorReply(error, requestID: requestID)
            logger.log(
                level: reply.status.kind == .serverError ? .warning : .info,
                "refused",
                metadata: [
                    "request": "\(requestID)", "status": "\(reply.status.code)",
                    "reason": "\(reply.body.error.message)",
                ]
            )
            response = reply.response
            rejection = reply.body.error.code ?? reply.body.error.type
        }
        metrics.record(
            route: Self.route(of: request.uri.path),
            code: response.status.code,
            rejection: rejection
        )
        if let name = Self.requestIDName { response.headers[name] = requestID }
        if request.uri.path == Self.scoringPath {
            // Watching for the client's departure uses the connection up.
            response.headers[.connection] = "close"
        }
        if request.method == .head {
            response.body = ResponseBody()
        }
        return response
    }

    private func reply(to request: Request, requestID: String) async throws -> Response {
        let path = request.uri.path
        switch path {
        case Self.scoringPath:
            try allow([.post], request)
            return JSONReply.response(try await scoring.scores(for: request, requestID: requestID))
        case "/healthz":
            try allow([.get, .head], request)
            return information.health()
        case "/readyz", "/health", "/v1/health":
            try allow([.get, .head], request)
            return try information.readiness()
        case "/version":
            try allow([.get, .head], request)
            return information.version()
        case "/metrics":
            try allow([.get, .head], request)
            return information.metricsText()
        case Self.modelsPath:
            try allow([.get, .head], request)
            return try information.models()
        case "/v1/rubrics":
            try allow([.get, .head], request)
            return try information.rubrics()
        case "/v1/info":
            try allow([.get, .head], request)
            return try information.information()
        default:
            guard path.hasPrefix("/v1/models/"), let name = path.dropFirst(11).removingPercentEncoding else {
                throw WireError.unknownPath(String(path.prefix(80)))
            }
            try allow([.get, .head], request)
            return try information.model(name)
        }
    }

    /// What metrics call a path; there are few of them, whatever is asked for.
    private static func route(of path: String) -> String {
        if routes.contains(path) { return path }
        return path.hasPrefix(modelsPath + "/") ? modelsPath + "/{id}" : "other"
    }

    private func allow(_ methods: [HTTPRequest.Method], _ request: Request) throws(WireError) {
        guard methods.contains(request.method) else {
            throw .method(request.method.rawValue, allowed: methods.map(\.rawValue))
        }
    }

    /// The caller's name of the request when it is short and plain, otherwise one of our own.
    private static func requestID(of request: Request) -> String {
        if let name = requestIDName.flatMap({ request.headers[$0] }), (1...128).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            return name
        }
        return "req_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    }
}
