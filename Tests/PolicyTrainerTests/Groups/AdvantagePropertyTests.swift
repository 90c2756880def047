import Shared
import Testing

@testable import PolicyTrainer

@Suite("Properties of statistics and advantages")
struct AdvantagePropertyTests {
    private func rewards(seed: UInt64, count: Int) -> [Double] {
        var generator = SeedTree(seed: seed).generator
        return (0..<count).map { _ in generator.nextUnit() }
    }

    @Test("permuting a group permutes its advantages", arguments: 1...20)
    func permutation(seed: UInt64) {
        let rewards = rewards(seed: seed, count: 12)
        var generator = SeedTree(seed: seed)["order"].generator
        let order = rewards.indices.shuffled(using: &generator)
        for deviation in Advantage.Deviation.allCases {
            let rule = Advantage(deviation: deviation)
            let plain = rule.advantages(of: rewards, globalDeviation: 0.2)
            let permuted = rule.advantages(of: order.map { rewards[$0] }, globalDeviation: 0.2)
            #expect(agree(permuted, order.map { plain[$0] }, 1e-11))
        }
    }

    @Test("adding a constant to a group leaves its advantages", arguments: 1...20)
    func shift(seed: UInt64) {
        let rewards = rewards(seed: seed, count: 12)
        for deviation in Advantage.Deviation.allCases {
            let rule = Advantage(deviation: deviation)
            let plain = rule.advantages(of: rewards, globalDeviation: 0.2)
            let shifted = rule.advantages(of: rewards.map { $0 + 0.375 }, globalDeviation: 0.2)
            #expect(agree(plain, shifted, 1e-9))
        }
    }

    @Test("equal rewards have exactly no advantage, and optimality one half", arguments: [0, 0.1, 0.3, 1])
    func uniform(reward: Double) {
        let rule = Advantage(deviation: .group)
        let advantages = rule.advantages(of: Array(repeating: reward, count: 7), globalDeviation: 0)
        #expect(advantages.allSatisfy { $0 == 0 })
        #expect(advantages.map(rule.optimality).allSatisfy { $0 == 0.5 })
    }

    @Test("optimality lies within 0 and 1 and grows with the advantage")
    func monotone() {
        for mode in Advantage.Mode.allCases {
            let rule = Advantage(mode: mode)
            let values = stride(from: -9.0, through: 9, by: 0.25).map(rule.optimality)
            #expect(values.allSatisfy { (0...1).contains($0) })
            #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 })
        }
    }
}
