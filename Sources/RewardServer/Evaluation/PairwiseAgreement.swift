/// How often a judge and the labels agree on which of two edits is better, and what ties do to that.
///
/// The two accuracies are those that published evaluations of edit judges report: ``strict`` leaves out the
/// pairs that the labels call a tie and counts the judge's own ties as misses; ``tolerant`` keeps them all,
/// and a difference of scores up to ``threshold`` is a tie, which is right exactly where the labels say so.
/// For the labels' order `h` (1: the first is better, −1: the second, 0: a tie) and the judge's difference
/// `m`:
///
/// | | m < −ε | \|m\| ≤ ε | m > ε |
/// |---|---|---|---|
/// | h = −1 | concordant | judge ties | discordant |
/// | h = 0 | label ties | both tie | label ties |
/// | h = 1 | discordant | judge ties | concordant |
///
/// Source: `suff_stats`, `calc_accuracy_without_ties` and `calc_accuracy_with_ties_for_edit_reward_bench` in
/// `EditReward/evaluate/eval_bench.py` of TIGER-AI-Lab/EditReward at 8460288, after Deutsch, Foster and
/// Freitag, "Ties Matter: Meta-Evaluating Modern Metrics with Pairwise Accuracy and Tie Calibration"
/// (arXiv:2305.14324).
struct PairwiseAgreement: Sendable, Equatable {
    /// One pair of edits.
    struct Pair: Sendable, Equatable {
        /// What the labels say: 1 when the first is better, −1 when the second is, 0 for a tie.
        var label: Int
        /// The judge's score of the first, less that of the second.
        var difference: Double

        /// Whether the judge says what the labels say, ties by a threshold included.
        func agrees(threshold: Double) -> Bool {
            if abs(difference) <= threshold { return label == 0 }
            return label != 0 && (label > 0) == (difference > 0)
        }
    }

    /// The number of pairs.
    let count: Int
    /// Pairs that the labels call a tie.
    let labelTies: Int
    /// Pairs of equal scores.
    let judgeTies: Int
    /// The difference of scores up to which ``tolerant`` takes the judge to say "tie".
    let threshold: Double
    /// Right pairs among those that the labels order, 0...1; the judge's own ties are wrong.
    ///
    /// `nil` without such pairs.
    let strict: Double?
    /// Right pairs among all, 0...1; `nil` without pairs.
    let tolerant: Double?

    /// Counts pairs.
    ///
    /// - Parameters:
    ///   - pairs: The pairs.
    ///   - threshold: The difference up to which the judge says "tie"; `nil` takes
    ///     ``calibratedThreshold(_:)`` of these pairs, as published evaluations do, which flatters a judge
    ///     that is measured on few of them.
    init(_ pairs: [Pair], threshold: Double? = nil) {
        let ordered = pairs.filter { $0.label != 0 }
        let threshold = threshold ?? Self.calibratedThreshold(pairs)
        count = pairs.count
        labelTies = pairs.count - ordered.count
        judgeTies = pairs.count { $0.difference == 0 }
        self.threshold = threshold
        strict = Self.share(ordered.count { $0.agrees(threshold: 0) }, of: ordered.count)
        tolerant = Self.share(pairs.count { $0.agrees(threshold: threshold) }, of: pairs.count)
    }

    /// The smallest threshold, of 0 and all differences, for which ``tolerant`` is largest.
    ///
    /// - Parameter pairs: The pairs.
    /// - Returns: The threshold; 0 without pairs.
    static func calibratedThreshold(_ pairs: [Pair]) -> Double {
        let sorted = pairs.sorted { abs($0.difference) < abs($1.difference) }
        var right = pairs.count { $0.agrees(threshold: 0) }
        var best = (right: right, threshold: 0.0)
        var next = sorted.firstIndex { $0.difference != 0 } ?? sorted.endIndex
        while next < sorted.endIndex {
            let threshold = abs(sorted[next].difference)
            while next < sorted.endIndex, abs(sorted[next].difference) == threshold {
                right += sorted[next].label == 0 ? 1 : (sorted[next].agrees(threshold: 0) ? -1 : 0)
                next += 1
            }
            if right > best.right { best = (right, threshold) }
        }
        return best.threshold
    }

    private static func share(_ part: Int, of whole: Int) -> Double? {
        whole == 0 ? nil : Double(part) / Double(whole)
    }
}
