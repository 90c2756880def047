import CCurl
import Foundation

/// One HTTP request and its reply, on libcurl; blocks the calling thread.
struct HTTPExchange: Sendable {
    /// What came back.
    struct Reply: Sendable {
        /// The HTTP status.
        let status: Int
        /// What the server's Retry-After header asks for.
        let retryAfter: Duration?
        /// The body.
        let body: [UInt8]
    }

    /// No reply came back.
    struct Failure: Error {
        /// libcurl's words.
        let reason: String
    }

    /// Sent as a bearer token when not nil.
    var token: String?
    /// Longest wait for a connection.
    var connectTimeout: Duration = .seconds(5)
    /// Longest reply in bytes.
    var replyLimit = 16 << 20

    private static let isReady = cc_global_init() == 0

    /// Sends a request and waits.
    ///
    /// - Parameters:
    ///   - url: The whole address.
    ///   - body: JSON to POST; nil makes it a GET.
    ///   - timeout: Longest time for everything.
    /// - Returns: The reply, whatever its status.
    /// - Throws: ``Failure`` when no whole reply arrived.
    func perform(_ url: String, body: [UInt8]?, timeout: Duration) throws(Failure) -> Reply {
        guard HTTPExchange.isReady else { throw Failure(reason: "libcurl could not start") }
        var reply = unsafe cc_reply()
        let post = { (bytes: UnsafeBufferPointer<UInt8>?, token: UnsafePointer<CChar>?) in
            unsafe cc_exchange(
                url,
                bytes?.baseAddress,
                bytes?.count ?? 0,
                token,
                HTTPExchange.milliseconds(connectTimeout),
                HTTPExchange.milliseconds(timeout),
                replyLimit,
                nil,
                &reply
            )
        }
        // An empty body would be a GET; requests of this program never are empty.
        unsafe HTTPExchange.withOptionalCString(token) { token in
            if let body {
                unsafe body.withUnsafeBufferPointer { unsafe post($0, token) }
            } else {
                unsafe post(nil, token)
            }
        }
        defer { unsafe cc_reply_free(&reply) }
        guard unsafe reply.code == 0 else {
            let reason = unsafe withUnsafeBytes(of: reply.message) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw Failure(reason: reason)
        }
        return Reply(
            status: unsafe reply.status,
            retryAfter: unsafe reply.retry_after < 0 ? nil : .seconds(reply.retry_after),
            body: unsafe Array(UnsafeBufferPointer(start: reply.body, count: reply.body_length))
        )
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        max(1, Int(duration / .milliseconds(1)))
    }

    private static func withOptionalCString(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Void) {
        guard let text else {
            body(nil)
            return
        }
        unsafe text.withCString { unsafe body($0) }
    }
}
