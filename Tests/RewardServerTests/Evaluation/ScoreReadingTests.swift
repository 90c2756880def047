import Shared
import Testing

@testable import RewardServer

@Suite struct ScoreReadingTests {
    /// Labels of 2, 6 and 10, the middle one the most probable.
    private static let rubric = RubricDocument(
        template: "{instruction}",
        labels: [
            RubricLabel(tokens: ["x", "X"], value: 10), RubricLabel(tokens: ["y"], value: 2),
            RubricLabel(tokens: ["z"], value: 6),
        ]
    )
    private static let score = EditScore(
        score: 0.4,
        raw: 5.2,
        probabilities: ["x": 0.3, "y": 0.3, "z": 0.4],
        argmax: "z",
        entropy: 1,
        normalizedEntropy: 0.9,
        standardDeviation: 0.3,
        mass: 1
    )

    private func reader(samples: Int = 1, seed: UInt64 = 0) throws -> ScoreReader {
        ScoreReader(rubric: try Rubric(Self.rubric, name: "test"), samples: samples, seed: seed)
    }

    @Test("expected is the score, argmax the value of the likeliest label on 0...1")
    func fixed() throws {
        let reader = try reader()
        #expect(reader.number(of: Self.score, .expected, key: "k") == 0.4)
        #expect(reader.number(of: Self.score, .argmax, key: "k") == 0.5)
    }

    @Test("one draw is a label's value, many come near the expected value")
    func draws() throws {
        let one = try reader()
        let values = (0..<4000).map { one.number(of: Self.score, .sampled, key: "\($0)") }
        #expect(Set(values) == [0, 0.5, 1])
        #expect(abs(Double(values.count { $0 == 0.5 }) / 4000 - 0.4) < 0.04)
        let many = try reader(samples: 20_000).number(of: Self.score, .sampled, key: "k")
        #expect(abs(many - 0.5) < 0.02, "0.3 · 1 + 0.3 · 0 + 0.4 · 0.5")
    }

    @Test("draws depend on the seed and the question, and on nothing else")
    func seeds() throws {
        let (first, second) = (try reader(samples: 5, seed: 1), try reader(samples: 5, seed: 1))
        let keys = (0..<40).map { "\($0)" }
        let numbers = keys.map { first.number(of: Self.score, .sampled, key: $0) }
        #expect(
            keys.reversed().map { second.number(of: Self.score, .sampled, key: $0) } == numbers.reversed()
        )
        #expect(
            try keys.map { try reader(samples: 5, seed: 2).number(of: Self.score, .sampled, key: $0) }
                != numbers
        )
        #expect(Set(numbers).count > 3)
    }
}
