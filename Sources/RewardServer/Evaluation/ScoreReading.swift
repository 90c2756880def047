import Shared

/// How the judge's distribution over the labels becomes one number.
///
/// The paper scores with the expected value and compares it with ratings that are sampled from the model;
/// here a rating is drawn from the labels' distribution, so that one forward pass serves every reading.
///
/// Source: arXiv:2510.16888, section 3.3 and the ablation of scoring methods.
enum ScoreReading: String, Sendable, CaseIterable, Encodable {
    /// The expected value.
    case expected
    /// The most probable label.
    case argmax
    /// The mean of drawn labels.
    case sampled
}

/// Reads scores in one of the ways of ``ScoreReading``.
struct ScoreReader: Sendable {
    private let labels: [(name: String, score: Double)]
    private let samples: Int
    private let seeds: SeedTree

    /// Prepares the reading of a rubric's scores.
    ///
    /// - Parameters:
    ///   - rubric: The rubric that was asked.
    ///   - samples: How many labels ``ScoreReading/sampled`` draws and averages, at least 1.
    ///   - seed: Decides the draws; they are the same for the same image, whatever stands beside it.
    init(rubric: Rubric, samples: Int, seed: UInt64) {
        let values = rubric.labels.map(\.value)
        let (lowest, highest) = (values.min() ?? 0, values.max() ?? 1)
        labels = rubric.labels.map { ($0.tokens[0], ($0.value - lowest) / (highest - lowest)) }
        self.samples = samples
        seeds = SeedTree(seed: seed)
    }

    /// One number of a distribution.
    ///
    /// - Parameters:
    ///   - score: The judge's answer under the reader's rubric.
    ///   - reading: How to read it.
    ///   - key: What names the answer's stream of random numbers.
    /// - Returns: 0...1.
    func number(of score: EditScore, _ reading: ScoreReading, key: String) -> Double {
        switch reading {
        case .expected:
            return score.score
        case .argmax:
            return labels.first { $0.name == score.argmax }?.score ?? score.score
        case .sampled:
            var generator = seeds["sampled rating", key].generator
            let sum = (0..<samples).reduce(0) { sum, _ in sum + draw(score, &generator) }
            return sum / Double(samples)
        }
    }

    private func draw(_ score: EditScore, _ generator: inout CounterGenerator) -> Double {
        var rest = generator.nextUnit()
        for label in labels {
            rest -= score.probabilities?[label.name] ?? 0
            if rest < 0 { return label.score }
        }
        return labels.last?.score ?? 0
    }
}
