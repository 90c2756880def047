import Foundation
import Shared

/// An HTTP server on plain sockets that does what a test says, also what no sound server would do.
final class ScriptedServer: Sendable {
    /// What the client sent.
    struct Request: Sendable {
        let method: String
        let path: String
        let headers: [String: String]
        let body: Data
        /// How many requests came before, on this path.
        let number: Int
    }

    /// What the server does with a request.
    enum Reaction: Sendable {
        case reply(status: Int, headers: [String: String] = [:], body: Data = Data())
        /// Closes the connection without a byte.
        case hangUp
        /// Promises more bytes than it sends.
        case half(body: Data)
        /// Answers after a while.
        case late(seconds: Double, body: Data)
    }

    /// The base address.
    let url: String
    private let listener: Int32
    private let counts = Lock<[String: Int]>([:])
    private let times = Lock<[ContinuousClock.Instant]>([])

    /// Starts serving on a free port of the loopback interface.
    init(_ handler: @escaping @Sendable (Request) -> Reaction) throws {
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
                guard connection >= 0 else { return }
                Thread.detachNewThread { [weak self] in
                    self?.serve(connection, handler)
                    close(connection)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// How many requests came on a path.
    func count(_ path: String) -> Int {
        counts.withLock { $0[path] ?? 0 }
    }

    /// When requests for scores came.
    var scoreTimes: [ContinuousClock.Instant] {
        times.withLock { $0 }
    }

    private func serve(_ connection: Int32, _ handler: (Request) -> Reaction) {
        guard let request = read(connection) else { return }
        switch handler(request) {
        case .reply(let status, let headers, let body):
            send(head(status, length: body.count, headers) + body, to: connection)
        case .hangUp:
            break
        case .half(let body):
            send(head(200, length: body.count * 2 + 10, [:]) + body, to: connection)
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

/// Replies as a judge writes them.
enum JudgeReplies {
    /// A reply with the given outcomes.
    static func body(_ outcomes: [ScoreOutcome]) -> Data {
        let response = EditScoresResponse(
            id: "es_1",
            created: 0,
            model: "test",
            modelFingerprint: "sha256:judge",
            rubric: RubricIdentity(name: "edit-r1", hash: "sha256:rubric"),
            preprocessHash: "sha256:preprocess",
            scores: outcomes.enumerated().map {
                EditScoreItem(id: String($0.offset), index: $0.offset, outcome: $0.element)
            },
            usage: ScoreUsage(
                promptTokens: 0,
                cachedTokens: 0,
                imageTokens: 0,
                imagesEncoded: 0,
                imagesCached: 0
            ),
            timings: ScoreTimings(queue: 0, decode: 0, vision: 0, prefill: 0, head: 0, total: 0)
        )
        return (try? JSONEncoder().encode(response)) ?? Data()
    }

    /// A reply with the given scores.
    static func body(scores: [Double]) -> Data {
        body(scores.map { .score(score($0)) })
    }

    /// A score with nothing else of interest.
    static func score(_ value: Double) -> EditScore {
        EditScore(
            score: value,
            raw: 5 * value,
            probabilities: ["0": 1 - value, "5": value],
            argmax: value > 0.5 ? "5" : "0",
            entropy: 0,
            normalizedEntropy: 0,
            standardDeviation: 0,
            mass: 1
        )
    }
}
