/// Why the judges cannot be used at all; a single group that fails is ``GroupScores/missing(reason:)``
/// instead.
enum RewardError: Error, Equatable, CustomStringConvertible {
    /// A server's URL cannot be used.
    case invalidServer(url: String)
    /// No server was ready in time.
    case noServer(reasons: [String], seconds: Double)
    /// A server answers, but never will to this client.
    case refused(url: String, status: Int, message: String)
    /// Not one group of an epoch was scored.
    case nothingScored(epoch: Int, reason: String)

    var description: String {
        switch self {
        case .invalidServer(let url):
            "\"\(url)\" is no server; write it as http://host:port"
        case .noServer(let reasons, let seconds):
            "no reward server is ready after \(seconds) seconds (\(reasons.joined(separator: "; "))); start one with "
                + "'reward-server serve' and name it with servers=[http://127.0.0.1:PORT]"
        case .refused(let url, let status, let message):
            "\(url) refuses the requests with status \(status): \(message); check its address, API key, model "
                + "and rubric"
        case .nothingScored(let epoch, let reason):
            "no group of epoch \(epoch) was scored (\(reason)); look at the servers' logs, then continue with --resume"
        }
    }
}
