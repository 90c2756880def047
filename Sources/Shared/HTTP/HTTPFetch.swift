import CCurl
import Foundation

/// One GET or HEAD whose reply is handed over while it arrives, on libcurl; blocks the calling thread.
///
/// It follows no redirect: who sends a token must see where it would go.
struct HTTPFetch: Sendable {
    /// Status and headers of a reply.
    struct Head: Sendable, Equatable {
        /// The HTTP status.
        var status = 0
        /// What a header says, under its name in lower case.
        var headers: [String: String] = [:]

        /// A header's value; nil when the reply has none of that name.
        subscript(_ name: String) -> String? { headers[name] }
    }

    /// Longest wait for a connection.
    var connectTimeout: Duration = .seconds(10)
    /// Longest time in which nothing arrives.
    var stallTimeout: Duration = .seconds(30)

    /// Sends a request and waits for the end of the reply.
    ///
    /// - Parameters:
    ///   - url: The whole address.
    ///   - isHead: Whether to ask for the headers alone.
    ///   - headers: Whole header lines.
    ///   - receive: Takes each piece of the body; what it throws ends the exchange.
    /// - Returns: The reply's head, whatever its status.
    /// - Throws: ``HTTPExchange/Failure`` when no whole reply arrived; what `receive` throws.
    func perform(
        _ url: String,
        isHead: Bool = false,
        headers: [String],
        receive: (Head, UnsafeRawBufferPointer) throws -> Void
    ) throws -> Head {
        guard HTTPExchange.isReady else { throw HTTPExchange.Failure(reason: "libcurl could not start") }
        var reply = unsafe cc_reply()
        let arrival = try unsafe withoutActuallyEscaping(receive) { receive in
            let arrival = unsafe Arrival(receive: receive)
            defer { unsafe arrival.receive = nil }
            let lines = unsafe headers.map { unsafe strdup($0) }
            defer { unsafe lines.forEach { unsafe free($0) } }
            let pointers = unsafe lines.map { unsafe UnsafePointer<CChar>($0) }
            unsafe cc_fetch(
                url,
                isHead ? 1 : 0,
                pointers,
                pointers.count,
                HTTPExchange.milliseconds(connectTimeout),
                max(1, Int(stallTimeout / .seconds(1))),
                Unmanaged.passUnretained(arrival).toOpaque(),
                takeHeader,
                takeBody,
                &reply
            )
            if let failure = arrival.failure { throw failure }
            return arrival
        }
        guard unsafe reply.code == 0 else { throw unsafe HTTPExchange.Failure(reply) }
        return arrival.head
    }
}

/// What has arrived of one reply; lives on the stack of ``HTTPFetch/perform(_:isHead:headers:receive:)``.
@safe private final class Arrival {
    /// Headers longer than this are no reply of a sound server.
    private static let headLimit = 256 << 10

    var head = HTTPFetch.Head()
    var failure: (any Error)?
    var receive: ((HTTPFetch.Head, UnsafeRawBufferPointer) throws -> Void)?
    private var headLength = 0

    init(receive: @escaping (HTTPFetch.Head, UnsafeRawBufferPointer) throws -> Void) {
        unsafe self.receive = receive
    }

    func take(headerLine line: String) -> Bool {
        headLength += line.utf8.count
        guard headLength <= Arrival.headLimit else {
            failure = HTTPExchange.Failure(reason: "the reply's headers exceed \(Arrival.headLimit) bytes")
            return false
        }
        if line.hasPrefix("HTTP/") {
            let words = line.split(separator: " ")
            head = HTTPFetch.Head(status: words.count > 1 ? Int(words[1]) ?? 0 : 0)
        } else if let colon = line.firstIndex(of: ":") {
            let name = line[..<colon].lowercased()
            head.headers[name] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespacesAndNewlines
            )
        }
        return true
    }

    func take(body: UnsafeRawBufferPointer) -> Bool {
        do {
            unsafe try receive?(head, body)
            return true
        } catch {
            failure = error
            return false
        }
    }
}

private func takeHeader(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<CChar>?, _ count: Int)
    -> Int
{
    guard let context = unsafe context, let bytes = unsafe bytes else { return 0 }
    let arrival = unsafe Unmanaged<Arrival>.fromOpaque(context).takeUnretainedValue()
    let line = unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    return arrival.take(headerLine: line) ? count : 0
}

private func takeBody(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<CChar>?, _ count: Int)
    -> Int
{
    guard let context = unsafe context, let bytes = unsafe bytes else { return 0 }
    let arrival = unsafe Unmanaged<Arrival>.fromOpaque(context).takeUnretainedValue()
    return unsafe arrival.take(body: UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
}
