/// Decides which groups are worth training on.
///
/// Source: arXiv:2510.16888, section 3.3 (rule `paper`: drop what is both good and uniform);
/// PKU-YuanGroup/Edit-R1, training scripts (rule `code`: drop what is good or uniform, and the permanent
/// ban).
struct GroupFilter: Sendable, Hashable {
    /// Which groups are dropped.
    enum Rule: String, Sendable, CaseIterable {
        /// Those with a high mean and a small deviation.
        case paper
        /// Those with a high mean or a small deviation.
        case code
        /// None.
        case none
    }

    /// Which groups are dropped.
    var rule: Rule = .paper
    /// The mean above which a group counts as solved.
    var meanThreshold = 0.9
    /// The standard deviation below which a group counts as uniform.
    var standardDeviationThreshold = 0.05

    /// Whether a group takes part in training.
    func keeps(mean: Double, standardDeviation: Double) -> Bool {
        switch rule {
        case .paper: !bans(mean: mean, standardDeviation: standardDeviation)
        case .code: standardDeviation > standardDeviationThreshold && mean < meanThreshold
        case .none: true
        }
    }

    /// Whether a group's row has nothing left to teach, so that it may be banned from later epochs.
    func bans(mean: Double, standardDeviation: Double) -> Bool {
        mean > meanThreshold && standardDeviation < standardDeviationThreshold
    }
}
