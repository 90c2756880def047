/// What can be wrong with an HTTP request before it is looked at as a group.
enum WireError: Error, Equatable, CustomStringConvertible {
    /// Nothing is served under the path.
    case unknownPath(String)
    /// The path does not take the method.
    case method(String, allowed: [String])
    /// The body is of another type than JSON.
    case mediaType(String)
    /// The body is compressed or otherwise encoded.
    case contentEncoding(String)
    /// The request says neither how long its body is nor that it comes in chunks.
    case lengthRequired
    /// The body is longer than the limit.
    case bodyTooLarge(limit: Int)
    /// The body did not arrive in time.
    case bodyTooSlow(limit: Duration)
    /// Too many bodies are in memory already.
    case busyReading
    /// The body is no JSON of the expected shape.
    case malformed(parameter: String?, code: String, reason: String)
    /// The model is not there yet.
    case loading
    /// The server is about to stop.
    case draining

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .unknownPath(let path): "nothing is served under \(path); see docs/WireFormat.md"
        case .method(let method, let allowed):
            "\(method) is not served here; use \(allowed.joined(separator: ", "))"
        case .mediaType(let type): "the body is \(type); send application/json"
        case .contentEncoding(let encoding): "the body is encoded as \(encoding); send it plain"
        case .lengthRequired: "the request has no body length; send Content-Length"
        case .bodyTooLarge(let limit):
            "the body is over the limit of \(limit) bytes; send fewer or smaller images"
        case .bodyTooSlow(let limit): "the body did not arrive within \(limit); send it faster"
        case .busyReading: "too many requests are being read; try again"
        case .malformed(_, _, let reason): reason
        case .loading: "the model is being loaded; try again"
        case .draining: "the server is shutting down; try another one"
        }
    }
}
