/// From rewards to advantages, and from advantages to optimality.
///
/// `adv = (R − mean) / (σ + 10⁻⁴)`, `a = mode(clip(adv, −C, C))`, `r = clip(a / 2C + ½, 0, 1)`.
///
/// Source: PKU-YuanGroup/Edit-R1, `stat_tracking.py` and training scripts; arXiv:2510.16888, equation 7.
struct Advantage: Sendable, Hashable {
    /// Which standard deviation divides.
    enum Deviation: String, Sendable, CaseIterable {
        /// That of all rewards of the epoch.
        case global
        /// That of the group.
        case group
    }

    /// Which advantages count.
    enum Mode: String, Sendable, CaseIterable {
        /// All, as they are.
        case all
        /// Negative ones become 0.
        case positiveOnly = "positive_only"
        /// Positive ones become 0.
        case negativeOnly = "negative_only"
        /// 1 where positive, else 0.
        case oneOnly = "one_only"
        /// The sign.
        case binary
    }

    /// Keeps the quotient finite for groups of equal rewards.
    static let floor = 1e-4

    /// Which standard deviation divides.
    var deviation: Deviation = .global
    /// Which advantages count.
    var mode: Mode = .all
    /// The advantage C at which optimality reaches 0 or 1.
    var clip = 5.0

    /// Advantages of one group, not clipped.
    ///
    /// - Parameters:
    ///   - rewards: The group's rewards.
    ///   - globalDeviation: Population standard deviation of all rewards of the epoch.
    /// - Returns: One advantage per reward, in order.
    func advantages(of rewards: [Double], globalDeviation: Double) -> [Double] {
        let statistics = GroupStatistics(rewards)
        let sigma = deviation == .global ? globalDeviation : statistics.standardDeviation
        return rewards.map { ($0 - statistics.mean) / (sigma + Advantage.floor) }
    }

    /// The optimality `r` of an advantage: the weight of the positive branch of the loss, 0 to 1.
    func optimality(of advantage: Double) -> Double {
        let clipped = min(max(advantage, -clip), clip)
        let counted =
            switch mode {
            case .all: clipped
            case .positiveOnly: max(clipped, 0)
            case .negativeOnly: min(clipped, 0)
            case .oneOnly: clipped > 0 ? 1.0 : 0
            case .binary: clipped > 0 ? 1.0 : (clipped < 0 ? -1 : 0)
            }
        return min(max(counted / (2 * clip) + 0.5, 0), 1)
    }
}
