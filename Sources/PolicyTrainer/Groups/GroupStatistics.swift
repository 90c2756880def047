/// Mean and spread of the rewards of one group.
///
/// Standard deviations are population deviations (divided by n), as numpy's default is.
struct GroupStatistics: Sendable, Hashable {
    /// The mean reward.
    let mean: Double
    /// The population standard deviation.
    let standardDeviation: Double

    /// Computes the statistics of some rewards.
    ///
    /// - Parameter rewards: At least one reward.
    init(_ rewards: some Collection<Double>) {
        precondition(!rewards.isEmpty, "the statistics of no reward do not exist")
        // Taking the differences to one of the rewards first makes equal rewards give exactly zero.
        let origin = rewards[rewards.startIndex]
        let count = Double(rewards.count)
        let shift = rewards.reduce(0) { $0 + ($1 - origin) } / count
        mean = origin + shift
        standardDeviation = (rewards.reduce(0) { $0 + ($1 - origin - shift) * ($1 - origin - shift) } / count)
            .squareRoot()
    }

    /// Mean of the rewards at or above a percentile, as the metrics `mean_reward_p` ask for.
    ///
    /// - Parameters:
    ///   - share: Which share of the best rewards, in percent: 100 takes all, 10 the best tenth.
    ///   - rewards: The rewards of one group, at least one.
    /// - Returns: Mean of the rewards that reach the (100 − share)-th percentile, linearly interpolated.
    static func meanOfBest(percent share: Double, of rewards: [Double]) -> Double {
        let sorted = rewards.sorted()
        let position = Double(sorted.count - 1) * (100 - share) / 100
        let below = Int(position)
        let above = min(below + 1, sorted.count - 1)
        let threshold = sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
        let best = sorted.filter { $0 >= threshold }
        return best.reduce(0, +) / Double(best.count)
    }
}
