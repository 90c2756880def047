import Shared

/// The judges' servers with their load and health.
///
/// A request goes to the least loaded server that is not resting; a server rests for a while after each
/// failure.
final class ServerPool: Sendable {
    private struct Server {
        let url: String
        var inFlight = 0
        var failures = 0
        var served = 0
        var restsUntil: ContinuousClock.Instant?
    }

    /// A server that was picked for one try.
    struct Lease: Sendable {
        /// Its position in the list.
        let index: Int
        /// Its base address, without a slash at the end.
        let url: String
        /// How long to wait before the try, because all servers are resting.
        let wait: Duration
    }

    private let servers: Lock<[Server]>
    private let retry: RetryPolicy

    /// Makes a pool.
    ///
    /// - Parameters:
    ///   - urls: Base addresses, at least one, `http://host:port`.
    ///   - retry: How long servers rest.
    /// - Throws: ``RewardError/invalidServer(url:)``.
    init(urls: [String], retry: RetryPolicy) throws(RewardError) {
        if let bad = urls.first(where: { !ServerPool.isAddress($0) }) {
            throw .invalidServer(url: bad)
        }
        self.retry = retry
        servers = Lock(urls.map { Server(url: $0.hasSuffix("/") ? String($0.dropLast()) : $0) })
    }

    /// The servers' base addresses.
    var urls: [String] {
        servers.withLock { $0.map(\.url) }
    }

    /// Picks a server and counts one request on it; give it back with one of the other calls.
    func acquire() -> Lease {
        let now = ContinuousClock.now
        return servers.withLock { servers in
            func rest(_ index: Int) -> Duration {
                servers[index].restsUntil.map { max(.zero, now.duration(to: $0)) } ?? .zero
            }
            // Rest first, then load, then fairness; the position breaks ties.
            let chosen =
                servers.indices.min {
                    (rest($0), servers[$0].inFlight, servers[$0].served)
                        < (rest($1), servers[$1].inFlight, servers[$1].served)
                } ?? 0
            servers[chosen].inFlight += 1
            return Lease(index: chosen, url: servers[chosen].url, wait: rest(chosen))
        }
    }

    /// Gives back a server that answered.
    func succeeded(_ lease: Lease) {
        servers.withLock {
            $0[lease.index].inFlight -= 1
            $0[lease.index].served += 1
            $0[lease.index].failures = 0
            $0[lease.index].restsUntil = nil
        }
    }

    /// Gives back a server that was not tried after all.
    func abandoned(_ lease: Lease) {
        servers.withLock { $0[lease.index].inFlight -= 1 }
    }

    /// Gives back a server that failed, and lets it rest.
    ///
    /// - Parameters:
    ///   - lease: The server.
    ///   - retryAfter: What its reply asked for.
    func failed(_ lease: Lease, retryAfter: Duration?) {
        let jitter = Double.random(in: 0...1)
        servers.withLock {
            $0[lease.index].inFlight -= 1
            $0[lease.index].failures += 1
            let rest = retry.delay(
                failures: $0[lease.index].failures,
                retryAfter: retryAfter,
                jitter: jitter
            )
            $0[lease.index].restsUntil = ContinuousClock.now + rest
        }
    }

    /// Whether a text is a server's base address.
    static func isAddress(_ text: String) -> Bool {
        for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            return !rest.isEmpty && !rest.hasPrefix("/") && rest.allSatisfy { !$0.isWhitespace }
        }
        return false
    }
}
