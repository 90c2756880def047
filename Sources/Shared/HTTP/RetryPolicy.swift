/// How often and how long a request is tried again.
package struct RetryPolicy: Sendable, Hashable {
    /// Tries of one request, the first included.
    package var attempts: Int
    /// Wait after the first failure; doubles with each further one.
    package var firstDelay: Duration
    /// The longest wait that a server did not ask for itself.
    package var longestDelay: Duration
    /// Longest time of one exchange; of a download, longest time in which nothing arrives.
    package var timeout: Duration
    /// Longest time of a request with all its tries; a download has no such limit.
    package var deadline: Duration

    /// Describes a policy.
    ///
    /// - Parameters:
    ///   - attempts: Tries of one request, the first included.
    ///   - firstDelay: Wait after the first failure.
    ///   - longestDelay: The longest wait that a server did not ask for itself.
    ///   - timeout: Longest time of one exchange.
    ///   - deadline: Longest time of a request with all its tries.
    package init(
        attempts: Int = 8,
        firstDelay: Duration = .milliseconds(250),
        longestDelay: Duration = .seconds(15),
        timeout: Duration = .seconds(300),
        deadline: Duration = .seconds(900)
    ) {
        self.attempts = attempts
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        self.timeout = timeout
        self.deadline = deadline
    }

    /// How long a server rests after a failure.
    ///
    /// - Parameters:
    ///   - failures: How many failures it had in a row, this one included.
    ///   - retryAfter: What its reply asked for.
    ///   - jitter: A random number of 0 to 1: clients that failed together do not come back together.
    /// - Returns: At least what the server asked for.
    package func delay(failures: Int, retryAfter: Duration?, jitter: Double) -> Duration {
        let doubled = firstDelay * Double(1 << min(max(failures - 1, 0), 20))
        let backoff = min(doubled, longestDelay) * (0.5 + 0.5 * jitter)
        return max(backoff, retryAfter ?? .zero)
    }

    /// Whether a reply's status may be different next time.
    package static func isTransient(status: Int) -> Bool {
        status == 408 || status == 429 || status >= 500
    }

    /// Whether a reply's status says that no request of this client will ever be served.
    package static func isFatal(status: Int) -> Bool {
        [401, 403, 404, 405].contains(status)
    }
}
