/// What happened in one epoch, for the metrics and the progress line.
struct EpochReport: Sendable {
    /// Wall-clock seconds of the phases.
    struct Seconds: Sendable {
        var rollout = 0.0
        /// Waiting for scores after the last rollout was done.
        var scoring = 0.0
        var training = 0.0
    }

    /// A group as people see it.
    struct Pictures: Sendable {
        /// The candidates with source and instruction.
        let request: JudgeRequest
        /// Their rewards.
        let rewards: [Double]
    }

    /// The epoch's number, from 0.
    let epoch: Int
    /// All groups with scores.
    let groups: EpochGroups
    /// The judges' replies, in the order of the rollout.
    let replies: [JudgeReply]
    /// The first scored groups, for the sample sheet.
    let pictures: [Pictures]
    /// Sums of each optimiser step.
    let steps: [GradientStep.Totals]
    /// Gradient norms before the clip.
    let gradientNorms: [Double]
    /// Learning rate of the epoch's steps.
    let learningRate: Double
    /// Wall-clock seconds of the phases.
    let seconds: Seconds
    /// Root mean square of current minus old after the epoch.
    let oldDistance: Double
    /// The state after the epoch.
    let globalStep: Int
    /// How many rows were trained on so far.
    let seenRows: Int
    /// How many rows are banned.
    let bannedRows: Int

    /// Mean reward of all scored candidates.
    var meanReward: Double {
        GroupStatistics(groups.groups.flatMap(\.rewards)).mean
    }

    /// Mean of the groups' deviations.
    var meanDeviation: Double {
        groups.statistics.reduce(0) { $0 + $1.standardDeviation } / Double(groups.statistics.count)
    }

    /// How many groups passed the filter.
    var keptGroups: Int { groups.isKept.count { $0 } }

    /// How many groups the judges left without scores.
    var missingGroups: Int { replies.count - groups.groups.count }

    /// The metrics of the epoch.
    func values(filter: GroupFilter) -> [String: Metrics.Value] {
        let counts = groups.groups.map(\.rewards.count)
        var values: [String: Metrics.Value] = [
            "epoch": .integer(epoch),
            "reward_avg": .number(meanReward),
            "group_size": .number(Double(counts.reduce(0, +)) / Double(counts.count)),
            "trained_prompt_num": .integer(seenRows),
            "banned_prompt_num": .integer(bannedRows),
            "zero_std_ratio": share { $0.standardDeviation == 0 },
            "low_std_ratio": share { $0.standardDeviation < filter.standardDeviationThreshold },
            "reward_std_mean": .number(meanDeviation),
            "reward_std_global": .number(groups.globalDeviation),
            "groups_kept": .integer(keptGroups),
            "groups_filtered": .integer(groups.groups.count - keptGroups),
            "groups_missing": .integer(missingGroups),
            "judge_seconds_mean": .number(
                replies.reduce(0) { $0 + $1.seconds } / Double(max(1, replies.count))
            ),
            "judge_attempts": .integer(replies.reduce(0) { $0 + $1.attempts }),
            "learning_rate": .number(learningRate),
            "seconds_rollout": .number(seconds.rollout),
            "seconds_scoring": .number(seconds.scoring),
            "seconds_training": .number(seconds.training),
            "old_distance": .number(oldDistance),
            "optimality_histogram": .list(histogram),
        ]
        for percent in [100, 75, 50, 25, 10] {
            let best = groups.groups.map {
                GroupStatistics.meanOfBest(percent: Double(percent), of: $0.rewards)
            }
            values["mean_reward_\(percent)"] = .number(best.reduce(0, +) / Double(best.count))
        }
        return values
    }

    /// The metrics of one optimiser step of the epoch.
    func values(ofStep index: Int, loss: NFTLoss<Float>) -> [String: Metrics.Value] {
        let totals = steps[index]
        let policy = loss.advantageClip * totals.loss
        let count = Double(max(1, totals.count))
        return [
            "epoch": .integer(epoch),
            "step": .integer(globalStep - steps.count + index + 1),
            "inner_epoch": .integer(0),
            "gradient_update_times": .integer(index + 1),
            "policy_loss": .number(policy),
            "unweighted_policy_loss": .number(totals.loss),
            "kl_div": .number(totals.divergence),
            "kl_div_loss": .number(totals.divergence),
            "old_kl_div": .number(totals.oldDivergence),
            "total_loss": .number(policy + loss.divergenceWeight * totals.divergence),
            "x0_norm": .number(totals.cleanNorm / count),
            "x0_norm_max": .number(totals.largestCleanNorm),
            "old_deviate": .number(totals.deviation / count),
            "old_deviate_max": .number(totals.largestDeviation),
            "gradient_norm": .number(gradientNorms[index]),
            "items": .integer(totals.count),
        ]
    }

    /// Shares of the optimality in ten equal bins of 0 to 1.
    private var histogram: [Double] {
        var bins = [Double](repeating: 0, count: 10)
        for sample in groups.samples {
            bins[min(9, Int(sample.optimality * 10))] += 1 / Double(groups.samples.count)
        }
        return bins
    }

    private func share(_ condition: (GroupStatistics) -> Bool) -> Metrics.Value {
        .number(Double(groups.statistics.count(where: condition)) / Double(groups.statistics.count))
    }
}
