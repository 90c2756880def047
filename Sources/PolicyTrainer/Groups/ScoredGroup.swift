import Shared

/// What the judge said about the candidates of one row.
enum GroupScores: Sendable, Hashable {
    /// A score for every candidate, in order, each of 0 to 1.
    case complete([Double])
    /// At least one score is missing: the group cannot be used; the reason is for the log.
    case missing(reason: String)
}

/// The candidates of one row with the final latents they came from and their scores.
struct ScoredGroup: Sendable {
    /// The row.
    let row: Int
    /// Clean packed latents of the candidates, each `[targetTokens, channels]`.
    let latents: [Tensor]
    /// The rewards, one per candidate.
    let rewards: [Double]
}

/// The groups of one epoch, with advantages, after the filter.
struct EpochGroups: Sendable {
    /// One candidate to train on.
    struct Sample: Sendable {
        /// The row.
        let row: Int
        /// The candidate's position in its group.
        let candidate: Int
        /// The clean packed latent, `[targetTokens, channels]`.
        let latent: Tensor
        /// The optimality `r`, 0 to 1.
        let optimality: Double
        /// Whether the group passed the filter; other samples have no gradient and are never computed.
        let isKept: Bool
    }

    /// All scored groups in the order of the rollout.
    let groups: [ScoredGroup]
    /// Statistics of each group.
    let statistics: [GroupStatistics]
    /// Population standard deviation of all rewards, filtered groups included.
    let globalDeviation: Double
    /// Whether each group passed the filter.
    let isKept: [Bool]
    /// Candidates of all groups in order.
    let samples: [Sample]

    /// Computes statistics, advantages and the mask.
    ///
    /// The filter acts after the advantages, so that the global deviation includes what it drops.
    ///
    /// - Parameters:
    ///   - groups: At least one complete group.
    ///   - advantage: How rewards become optimality.
    ///   - filter: Which groups take part.
    init(_ groups: [ScoredGroup], advantage: Advantage, filter: GroupFilter) {
        let statistics = groups.map { GroupStatistics($0.rewards) }
        let globalDeviation = GroupStatistics(groups.flatMap(\.rewards)).standardDeviation
        let isKept = statistics.map {
            filter.keeps(mean: $0.mean, standardDeviation: $0.standardDeviation)
        }
        self.groups = groups
        self.statistics = statistics
        self.globalDeviation = globalDeviation
        self.isKept = isKept
        samples = groups.enumerated().flatMap { index, group in
            advantage.advantages(of: group.rewards, globalDeviation: globalDeviation).enumerated().map {
                Sample(
                    row: group.row,
                    candidate: $0.offset,
                    latent: group.latents[$0.offset],
                    optimality: advantage.optimality(of: $0.element),
                    isKept: isKept[index]
                )
            }
        }
    }
}
