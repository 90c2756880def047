/// Statistics of a group's scores; candidates without a score take no part.
package struct GroupSummary: Codable, Sendable, Equatable {
    /// Candidates in the request.
    package var count: Int
    /// Candidates that have a score.
    package var scored: Int
    /// Mean score; `nil` when nothing was scored.
    package var mean: Double?
    /// Population standard deviation of the scores; `nil` when nothing was scored.
    package var standardDeviation: Double?
    /// Lowest score; `nil` when nothing was scored.
    package var minimum: Double?
    /// Highest score; `nil` when nothing was scored.
    package var maximum: Double?
    /// Names of the scored candidates, best first; equal scores keep the order of the request.
    package var rank: [String]

    /// Computes the statistics of a group.
    ///
    /// - Parameter items: The outcomes of all candidates, in order.
    package init(_ items: [EditScoreItem]) {
        let scored = items.compactMap { item in item.outcome.score.map { (item.id, $0.score) } }
        let scores = scored.map(\.1)
        count = items.count
        self.scored = scored.count
        let mean = scores.isEmpty ? nil : scores.reduce(0, +) / Double(scores.count)
        self.mean = mean
        standardDeviation = mean.map { mean in
            (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count)).squareRoot()
        }
        minimum = scores.min()
        maximum = scores.max()
        rank = scored.enumerated()
            .sorted { ($0.element.1, $1.offset) > ($1.element.1, $0.offset) }
            .map(\.element.0)
    }

    private enum CodingKeys: String, CodingKey {
        case count = "n"
        case scored = "ok"
        case mean
        case standardDeviation = "std"
        case minimum = "min"
        case maximum = "max"
        case rank
    }
}
