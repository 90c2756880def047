/// How often and how long a request is tried again.
struct RetryPolicy: Sendable, Hashable {
    /// Tries of one request, the first included.
    var attempts = 8
    /// Wait after the first failure; doubles with each further one.
    var firstDelay: Duration = .milliseconds(250)
    /// The longest wait that a server did not ask for itself.
    var longestDelay: Duration = .seconds(15)
    /// Longest time of one exchange.
    var timeout: Duration = .seconds(300)
    /// Longest time of a request with all its tries.
    var deadline: Duration = .seconds(900)

    /// How long a server rests after a failure.
    ///
    /// - Parameters:
    ///   - failures: How many failures it had in a row, this one included.
    ///   - retryAfter: What its reply asked for.
    ///   - jitter: A random number of 0 to 1: clients that failed together do not come back together.
    /// - Returns: At least what the server asked for.
    func delay(failures: Int, retryAfter: Duration?, jitter: Double) -> Duration {
        let doubled = firstDelay * Double(1 << min(max(failures - 1, 0), 20))
        let backoff = min(doubled, longestDelay) * (0.5 + 0.5 * jitter)
        return max(backoff, retryAfter ?? .zero)
    }

    /// Whether a reply's status may be different next time.
    static func isTransient(status: Int) -> Bool {
        status == 408 || status == 429 || status >= 500
    }

    /// Whether a reply's status says that no request of this client will ever be served.
    static func isFatal(status: Int) -> Bool {
        [401, 403, 404, 405].contains(status)
    }
}
