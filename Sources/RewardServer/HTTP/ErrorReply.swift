import HTTPTypes
import Hummingbird
import Shared

/// From an error to a status and a body: the only place that knows both.
struct ErrorReply {
    /// The status.
    let status: HTTPResponse.Status
    /// The body.
    let body: ErrorBody
    /// Seconds after which the request may succeed.
    let retryAfter: Int?
    /// The methods that the path takes, for a 405.
    let allowed: [String]

    /// Classifies an error.
    ///
    /// - Parameters:
    ///   - error: What was thrown.
    ///   - requestID: The request's name.
    init(_ error: any Error, requestID: String) {
        switch error {
        case let error as WireError:
            self.init(error, requestID: requestID)
        case let error as RequestError:
            self.init(error, requestID: requestID)
        case let error as RubricError:
            let isUnknown = if case .unknownName = error { true } else { false }
            self.init(
                isUnknown ? .notFound : .unprocessableContent,
                type: isUnknown ? "not_found" : "invalid_rubric",
                code: isUnknown ? "unknown_rubric" : "invalid_rubric",
                parameter: "rubric",
                message: error.description,
                requestID: requestID
            )
        case let error as QueueFull:
            self.init(
                .tooManyRequests,
                type: "overloaded",
                code: "queue_full",
                message: error.description,
                requestID: requestID,
                retryAfter: error.retryAfter
            )
        case is CancellationError:
            self.init(
                .internalServerError,
                type: "cancelled",
                code: "client_closed_request",
                message: "the request was given up before it was finished",
                requestID: requestID
            )
        default:
            self.init(
                .internalServerError,
                type: "internal_error",
                code: "internal_error",
                message: "the server failed: \(error)",
                requestID: requestID
            )
        }
    }

    private init(_ error: WireError, requestID: String) {
        let (status, type, code): (HTTPResponse.Status, String, String) =
            switch error {
            case .unknownPath: (.notFound, "not_found", "unknown_path")
            case .method: (.methodNotAllowed, "invalid_request", "method_not_allowed")
            case .mediaType: (.unsupportedMediaType, "invalid_request", "unsupported_media_type")
            case .contentEncoding: (.unsupportedMediaType, "invalid_request", "unsupported_content_encoding")
            case .lengthRequired: (.lengthRequired, "invalid_request", "length_required")
            case .bodyTooLarge: (.contentTooLarge, "invalid_request", "body_too_large")
            case .bodyTooSlow: (.requestTimeout, "invalid_request", "body_too_slow")
            case .busyReading: (.tooManyRequests, "overloaded", "too_many_bodies")
            case .malformed(_, let code, _): (.badRequest, "invalid_request", code)
            case .loading: (.serviceUnavailable, "not_ready", "loading")
            case .draining: (.serviceUnavailable, "not_ready", "draining")
            }
        let parameter: String? = if case .malformed(let parameter, _, _) = error { parameter } else { nil }
        let allowed = if case .method(_, let allowed) = error { allowed } else { [String]() }
        let retryAfter: Int? =
            switch error {
            case .loading, .draining: 5
            case .busyReading: 1
            default: nil
            }
        self.init(
            status,
            type: type,
            code: code,
            parameter: parameter,
            message: error.description,
            requestID: requestID,
            retryAfter: retryAfter,
            allowed: allowed
        )
    }

    private init(_ error: RequestError, requestID: String) {
        var scores: [EditScoreItem]?
        let (status, type, code, parameter): (HTTPResponse.Status, String, String?, String?)
        switch error {
        case .noEdits:
            (status, type, code, parameter) = (.badRequest, "invalid_request", "no_edits", "edits")
        case .tooManyEdits:
            (status, type, code, parameter) = (.badRequest, "invalid_request", "too_many_edits", "edits")
        case .repeatedID:
            (status, type, code, parameter) = (.badRequest, "invalid_request", "repeated_id", "edits")
        case .blankInstruction:
            (status, type, code, parameter) = (
                .badRequest, "invalid_request", "blank_instruction", "instruction"
            )
        case .textTooLong(let name, _):
            (status, type, code, parameter) = (.badRequest, "invalid_request", "text_too_long", name)
        case .option(let name, _):
            (status, type, code, parameter) = (
                .badRequest, "invalid_request", "invalid_value", "options.\(name)"
            )
        case .unknownModel:
            (status, type, code, parameter) = (.notFound, "not_found", "unknown_model", "model")
        case .sourceImage(let failure):
            (status, type, code, parameter) = (.badRequest, failure.type, failure.code, "source.image")
        case .failedItems(let items):
            let item = items.first { $0.outcome.failure != nil }
            let failure = item?.outcome.failure
            status = failure?.type == "model_error" ? .internalServerError : .badRequest
            type = failure?.type ?? "invalid_request"
            code = failure?.code
            parameter = item.map { "edits[\($0.index)]" }
            scores = items
        case .deadline:
            (status, type, code, parameter) = (.gatewayTimeout, "timeout", "deadline", "options.deadline_ms")
        }
        self.init(
            status,
            type: type,
            code: code,
            parameter: parameter,
            message: error.description,
            requestID: requestID,
            scores: scores
        )
    }

    private init(
        _ status: HTTPResponse.Status,
        type: String,
        code: String?,
        parameter: String? = nil,
        message: String,
        requestID: String,
        retryAfter: Int? = nil,
        allowed: [String] = [],
        scores: [EditScoreItem]? = nil
    ) {
        self.status = status
        body = ErrorBody(
            error: ErrorBody.Details(
                message: message,
                type: type,
                parameter: parameter,
                code: code,
                requestID: requestID
            ),
            scores: scores
        )
        self.retryAfter = retryAfter
        self.allowed = allowed
    }

    /// The reply.
    var response: Response {
        var response = JSONReply.response(body, status: status)
        if let retryAfter {
            response.headers[.retryAfter] = String(retryAfter)
        }
        if !allowed.isEmpty {
            response.headers[.allow] = allowed.joined(separator: ", ")
        }
        return response
    }
}
