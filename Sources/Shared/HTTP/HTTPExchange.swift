import CCurl
import Foundation

/// One HTTP request and its reply, on libcurl; blocks the calling thread.
package struct HTTPExchange: Sendable {
    /// What came back.
    package struct Reply: Sendable {
        /// The HTTP status.
        package let status: Int
        /// What the server's Retry-After header asks for.
        package let retryAfter: Duration?
        /// The body.
        package let body: [UInt8]
    }

    /// No reply came back.
    package struct Failure: Error {
        /// libcurl's words.
        package let reason: String
    }

    /// Sent as a bearer token when not nil.
    package var token: String?
    /// Longest wait for a connection.
    package var connectTimeout: Duration
    /// Longest reply in bytes.
    package var replyLimit: Int

    static let isReady = cc_global_init() == 0

    /// Describes how requests are made.
    ///
    /// - Parameters:
    ///   - token: Sent as a bearer token when not nil.
    ///   - connectTimeout: Longest wait for a connection.
    ///   - replyLimit: Longest reply in bytes.
    package init(
        token: String? = nil,
        connectTimeout: Duration = .seconds(5),
        replyLimit: Int = 16 << 20
    ) {
        self.token = token
        self.connectTimeout = connectTimeout
        self.replyLimit = replyLimit
    }

    /// Sends a request and waits.
    ///
    /// - Parameters:
    ///   - url: The whole address.
    ///   - body: JSON to POST; nil makes it a GET.
    ///   - timeout: Longest time for everything.
    /// - Returns: The reply, whatever its status.
    /// - Throws: ``Failure`` when no whole reply arrived.
    package func perform(_ url: String, body: [UInt8]?, timeout: Duration) throws(Failure) -> Reply {
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
            throw unsafe Failure(reply)
        }
        return Reply(
            status: unsafe reply.status,
            retryAfter: unsafe reply.retry_after < 0 ? nil : .seconds(reply.retry_after),
            body: unsafe Array(UnsafeBufferPointer(start: reply.body, count: reply.body_length))
        )
    }

    static func milliseconds(_ duration: Duration) -> Int {
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

extension HTTPExchange.Failure {
    /// libcurl's words on an exchange that gave no reply.
    init(_ reply: cc_reply) {
        var reply = unsafe reply
        reason = unsafe withUnsafeBytes(of: &reply.message) { message in
            unsafe String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
