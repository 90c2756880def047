import Foundation
import Shared
import Testing

@testable import RewardServer

@Suite struct ScoreDistributionTests {
    private static let logits: [Float] = [-1.0, 0.5, 1.25, 2.0, 3.5, 3.0]
    private static let values: [Double] = [0, 1, 2, 3, 4, 5]

    private func distribution(
        _ logits: [Float] = logits,
        logSumExp: Float = 5,
        temperature: Double = 1
    ) throws(ScoreError) -> ScoreDistribution {
        try ScoreDistribution(
            logits: logits.map { [$0] },
            values: Self.values,
            logSumExp: logSumExp,
            temperature: temperature
        )
    }

    @Test("six logits worked out by hand give the expected score")
    func workedExample() throws {
        let distribution = try distribution()
        let expected = [0.0055657519, 0.02494397, 0.052806384, 0.11179112, 0.50101302, 0.30387976]
        for (probability, expected) in zip(distribution.probabilities, expected) {
            #expect(abs(probability - expected) < 1e-8)
        }
        #expect(abs(distribution.score - 0.79787619) < 1e-8)
        #expect(abs(distribution.raw - 5 * 0.79787619) < 5e-8)
        #expect(distribution.argmax == 4)
        let sum = Self.logits.reduce(0.0) { $0 + exp(Double($1)) }
        #expect(abs((distribution.mass ?? .nan) - sum / exp(5)) < 1e-7)
    }

    @Test("equal logits give the middle, the largest entropy and the uniform deviation")
    func uniform() throws {
        let distribution = try distribution([2, 2, 2, 2, 2, 2], logSumExp: 2 + Float(log(6.0)))
        #expect(abs(distribution.score - 0.5) < 1e-12)
        #expect(abs(distribution.entropy - log(6)) < 1e-12)
        #expect(abs(distribution.normalizedEntropy - 1) < 1e-12)
        #expect(abs(distribution.standardDeviation - (35.0 / 12).squareRoot() / 5) < 1e-12)
        #expect(abs((distribution.mass ?? .nan) - 1) < 1e-6)
    }

    @Test("a constant added to every logit changes nothing")
    func shift() throws {
        let shifted = try distribution(Self.logits.map { $0 + 64 }, logSumExp: 69)
        let base = try distribution()
        #expect(abs(shifted.score - base.score) < 1e-12)
        #expect(abs((shifted.mass ?? .nan) - (base.mass ?? .nan)) < 1e-9)
    }

    @Test("spellings of one value count together")
    func spellings() throws {
        let distribution = try ScoreDistribution(
            logits: [[0, 0, 0], [0]],
            values: [0, 1],
            logSumExp: Float(log(8.0))
        )
        #expect(abs(distribution.probabilities[0] - 0.75) < 1e-12)
        #expect(abs(distribution.score - 0.25) < 1e-12)
        #expect(abs((distribution.mass ?? .nan) - 0.5) < 1e-6)
    }

    @Test("temperature sharpens and flattens the labels and leaves their mass")
    func temperature() throws {
        let cold = try distribution(temperature: 0.01)
        let hot = try distribution(temperature: 100)
        #expect(abs(cold.score - 0.8) < 1e-9)
        #expect(abs(hot.score - 0.5) < 0.02)
        let base = try distribution().mass
        #expect(cold.mass == base && hot.mass == base)
    }

    @Test("huge logits do not overflow")
    func huge() throws {
        let distribution = try distribution([-3e38, 0, 0, 0, 0, 3e38], logSumExp: 3e38, temperature: 0.01)
        #expect(distribution.score == 1)
        #expect(distribution.entropy == 0)
    }

    @Test("a NaN or an infinity is an error", arguments: [Float.nan, .infinity, -.infinity])
    func nonFinite(_ value: Float) {
        var logits = Self.logits
        logits[2] = value
        #expect(throws: ScoreError.nonFiniteLogits) { try distribution(logits) }
        #expect(throws: ScoreError.nonFiniteLogits) { try distribution(logSumExp: value) }
    }

    @Test("a mass below one half warns, and below min_mass it is an error")
    func lowMass() throws {
        let rubric = try ResolvedRubric(RubricLibrary().standard, vocabulary: StubJudge())
        let answer = StubJudge.answer(favouring: 3, mass: 0.25)
        let reported = ExpectedScoreMode.outcome(of: answer, rubric: rubric, options: ScoreOptions())
        #expect(reported.score?.warnings == ["low_label_mass"])
        #expect(reported.score?.argmax == "3")
        let options = ScoreOptions(minimumMass: 0.3)
        let refused = ExpectedScoreMode.outcome(of: answer, rubric: rubric, options: options)
        #expect(refused.failure?.code == "low_label_mass")
        let sure = StubJudge.answer(favouring: 3)
        #expect(ExpectedScoreMode.outcome(of: sure, rubric: rubric, options: options).score?.warnings == [])
    }
}
