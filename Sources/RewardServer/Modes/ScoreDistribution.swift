import Foundation

/// The judge's answer as a distribution over a rubric's labels.
///
/// Only the label tokens take part in the softmax, so probability that the model puts on other words does not lower
/// the score; ``mass`` says how much that is. All arithmetic is in double precision.
struct ScoreDistribution: Sendable, Equatable {
    /// The values of the labels.
    let values: [Double]
    /// The labels' probabilities, in the same order; sum 1.
    let probabilities: [Double]
    /// Probability of all label tokens together under the full softmax at temperature 1, 0...1; nil when the sum over the
    /// vocabulary is not known.
    let mass: Double?

    /// Reads the distribution out of the logits at the answer position.
    ///
    /// Spellings of one value count together: the logarithm of the sum of their exponentials is the label's logit.
    ///
    /// - Parameters:
    ///   - logits: The logits of each label's spellings, natural-log units; labels as in `values`.
    ///   - values: What each label is worth; at least two.
    ///   - logSumExp: The logarithm of the sum of the exponentials of all logits of the vocabulary; nil leaves ``mass`` out.
    ///   - temperature: What the logits are divided by; above 0.
    /// - Throws: ``ScoreError/nonFiniteLogits`` for a NaN or an infinity.
    ///
    /// Source: arXiv:2510.16888, equations 10 and 11; `reward_server/reward_server.py` in PKU-YuanGroup/Edit-R1.
    init(logits: [[Float]], values: [Double], logSumExp: Float?, temperature: Double = 1) throws(ScoreError) {
        precondition(
            logits.count == values.count,
            "\(logits.count) rows of logits for \(values.count) labels"
        )
        let all = logits.flatMap { $0.map(Double.init) }
        guard all.allSatisfy(\.isFinite), logSumExp?.isFinite ?? true else { throw .nonFiniteLogits }
        let rows = logits.map { row in Self.logSumExp(row.map { Double($0) / temperature }) }
        let total = Self.logSumExp(rows)
        let probabilities = rows.map { exp($0 - total) }
        guard probabilities.allSatisfy(\.isFinite) else { throw .nonFiniteLogits }
        self.values = values
        self.probabilities = probabilities
        mass = logSumExp.map { min(1, exp(Self.logSumExp(all) - Double($0))) }
    }

    private static func logSumExp(_ terms: [Double]) -> Double {
        let largest = terms.max() ?? -.infinity
        return largest + log(terms.reduce(0) { $0 + exp($1 - largest) })
    }

    /// Expected value on the rubric's own scale.
    var raw: Double {
        zip(values, probabilities).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// Expected value, mapped to 0...1.
    var score: Double {
        min(1, max(0, (raw - lowest) / (highest - lowest)))
    }

    /// Standard deviation, in units of ``score``.
    var standardDeviation: Double {
        let mean = raw
        let variance = zip(values, probabilities).reduce(0) { $0 + ($1.0 - mean) * ($1.0 - mean) * $1.1 }
        return variance.squareRoot() / (highest - lowest)
    }

    /// Entropy in nats.
    var entropy: Double {
        probabilities.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
    }

    /// ``entropy`` divided by the logarithm of the number of labels.
    var normalizedEntropy: Double {
        entropy / log(Double(values.count))
    }

    /// Index of the most probable label; of equals the first.
    var argmax: Int {
        probabilities.indices.reduce(0) { probabilities[$1] > probabilities[$0] ? $1 : $0 }
    }

    private var lowest: Double { values.min() ?? 0 }
    private var highest: Double { values.max() ?? 1 }
}
