public import Foundation
import Shared

/// An HTTP server on plain sockets that does what a test says, also what no sound server would do.
public final class ScriptedServer: Sendable {
    /// What the client sent.
    public struct Request: Sendable {
        /// The method.
        public let method: String
        /// The path with its query.
        public let path: String
        /// Header values under their names in lower case.
        public let headers: [String: String]
        /// The body.
        public let body: Data
        /// How many requests came before, on this path.
        public let number: Int
    }

    /// What the server does with a request.
    public enum Reaction: Sendable {
        /// Answers; to HEAD with the body's length alone.
        case reply(status: Int, headers: [String: String] = [:], body: Data = Data())
        /// Closes the connection without a byte.
        case hangUp
        /// Promises more bytes than it sends.
        case cut(status: Int, headers: [String: String] = [:], body: Data, promised: Int)
        /// Answers after a while.
        case late(seconds: Double, body: Data)

        /// Promises more than twice the bytes that it sends.
        public static func half(body: Data) -> Reaction {
            .cut(status: 200, body: body, promised: body.count * 2 + 10)
        }
    }

    /// The base address.
    public let url: String
    private let listener: Int32
    private let counts = Lock<[String: Int]>([:])
    private let times = Lock<[ContinuousClock.Instant]>([])

    /// Starts serving on a free port of the loopback interface.
    public init(_ handler: @escaping @Sendable (Request) -> Reaction) throws {
        signal(SIGPIPE, SIG_IGN)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(.EADDRNOTAVAIL) }
        self.listener = listener
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    close(listener)
                    return
                }
                Thread.detachNewThread { [weak self] in
                    self?.serve(connection, handler)
                    close(connection)
                }
            }
        }
    }

    // The accepting thread closes the listener: a number closed here could be another server's by its next turn.
    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// How many requests came on a path.
    public func count(_ path: String) -> Int {
        counts.withLock { $0[path] ?? 0 }
    }

    /// When requests for scores came.
    public var scoreTimes: [ContinuousClock.Instant] {
        times.withLock { $0 }
    }

    private func serve(_ connection: Int32, _ handler: (Request) -> Reaction) {
        guard let request = read(connection) else { return }
        switch handler(request) {
        case .reply(let status, let headers, let body):
            let sent = request.method == "HEAD" ? Data() : body
            send(head(status, length: body.count, headers) + sent, to: connection)
        case .hangUp:
            break
        case .cut(let status, let headers, let body, let promised):
            send(head(status, length: promised, headers) + body, to: connection)
        case .late(let seconds, let body):
            Thread.sleep(forTimeInterval: seconds)
            send(head(200, length: body.count, [:]) + body, to: connection)
        }
    }

    private func read(_ connection: Int32) -> Request? {
        var bytes = Data()
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let blank = Data("\r\n\r\n".utf8)
        while true {
            if let end = bytes.range(of: blank) {
                let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(
                    separatedBy: "\r\n"
                )
                let words = lines[0].split(separator: " ").map(String.init)
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
                    headers[parts[0].lowercased()] = parts.last?.trimmingCharacters(in: .whitespaces)
                }
                let length = headers["content-length"].flatMap { Int($0) } ?? 0
                if bytes.count >= end.upperBound + length {
                    let number = counts.withLock { counts in
                        defer { counts[words[1], default: 0] += 1 }
                        return counts[words[1]] ?? 0
                    }
                    if words[1] == "/v1/edit-scores" { times.withLock { $0.append(.now) } }
                    return Request(
                        method: words[0],
                        path: words[1],
                        headers: headers,
                        body: bytes[end.upperBound..<(end.upperBound + length)],
                        number: number
                    )
                }
            }
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
    }

    private func head(_ status: Int, length: Int, _ headers: [String: String]) -> Data {
        let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        return Data(
            "HTTP/1.1 \(status) X\r\nContent-Length: \(length)\r\nConnection: close\r\n\(lines)\r\n".utf8
        )
    }

    private func send(_ data: Data, to connection: Int32) {
        var sent = 0
        while sent < data.count {
            let count = data[(data.startIndex + sent)...].withUnsafeBytes {
                Foundation.send(connection, $0.baseAddress, $0.count, 0)
            }
            guard count > 0 else { return }
            sent += count
        }
    }
}
