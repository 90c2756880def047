import Shared

/// One prefill, one distribution, its expected value: the method of record.
enum ExpectedScoreMode {
    /// Label mass below which a score carries the warning `low_label_mass`.
    static let warningMass = 0.5

    /// Turns one answer into a score or a failure.
    ///
    /// - Parameters:
    ///   - answer: The logits at the answer position.
    ///   - rubric: The labels and their ids, in the order in which the logits were asked for.
    ///   - options: How to read the answer.
    /// - Returns: The outcome; a failure when the logits are not finite or the labels' mass is too small.
    static func outcome(of answer: JudgeAnswer, rubric: ResolvedRubric, options: ScoreOptions) -> ScoreOutcome
    {
        let labels = rubric.rubric.labels
        var rest = answer.logits[...]
        let rows = rubric.tokens.map { tokens in
            defer { rest = rest.dropFirst(tokens.count) }
            return Array(rest.prefix(tokens.count))
        }
        do throws(ScoreError) {
            let distribution = try ScoreDistribution(
                logits: rows,
                values: labels.map(\.value),
                logSumExp: answer.logSumExp,
                temperature: options.temperature ?? 1
            )
            if let minimum = options.minimumMass, let mass = distribution.mass, mass < minimum {
                throw ScoreError.lowLabelMass(mass: mass, minimum: minimum)
            }
            return .score(score(distribution, names: labels.map { $0.tokens[0] }))
        } catch {
            return .failure(ScoreFailure(error))
        }
    }

    private static func score(_ distribution: ScoreDistribution, names: [String]) -> EditScore {
        EditScore(
            score: distribution.score,
            raw: distribution.raw,
            probabilities: Dictionary(uniqueKeysWithValues: zip(names, distribution.probabilities)),
            argmax: names[distribution.argmax],
            entropy: distribution.entropy,
            normalizedEntropy: distribution.normalizedEntropy,
            standardDeviation: distribution.standardDeviation,
            mass: distribution.mass,
            warnings: distribution.mass.map { $0 < warningMass } ?? false ? ["low_label_mass"] : []
        )
    }
}
