import Testing

@testable import PolicyTrainer

@Suite("Statistics, advantages and filter of the worked example")
struct GroupsWorkedExampleTests {
    let example: WorkedExample
    let groups: [[Double]]

    init() throws {
        let example = try WorkedExample.load()
        self.example = example
        groups = [0, 1].map { group in
            zip(example.inputs.group, example.inputs.reward).filter { $0.0 == group }.map(\.1)
        }
    }

    @Test("means and deviations")
    func statistics() {
        let statistics = groups.map { GroupStatistics($0) }
        #expect(agree(statistics.map(\.mean), example.stats.group_mean))
        #expect(agree(statistics.map(\.standardDeviation), example.stats.group_std))
        #expect(agree(GroupStatistics(example.inputs.reward).standardDeviation, example.stats.global_std))
    }

    @Test("advantages and optimality, with the global and with the group's deviation")
    func advantages() {
        for (deviation, advantages, optimality) in [
            (Advantage.Deviation.global, example.stats.adv_global, example.stats.r_global),
            (.group, example.stats.adv_group, example.stats.r_group),
        ] {
            let rule = Advantage(deviation: deviation)
            let found = groups.flatMap { rule.advantages(of: $0, globalDeviation: example.stats.global_std) }
            #expect(agree(found, advantages))
            #expect(agree(found.map(rule.optimality), optimality))
        }
    }

    @Test("the modes of advantages", arguments: Advantage.Mode.allCases)
    func modes(mode: Advantage.Mode) throws {
        let rule = Advantage(mode: mode)
        let expected = try #require(example.adv_mode[mode.rawValue])
        let advantages = try #require(example.adv_mode["adv"])
        #expect(agree(advantages.map(rule.optimality), expected))
    }

    @Test("which groups the rules keep and ban")
    func filter() {
        for item in example.filter {
            let paper = GroupFilter(rule: .paper).keeps(mean: item.mean, standardDeviation: item.std)
            let code = GroupFilter(rule: .code).keeps(mean: item.mean, standardDeviation: item.std)
            #expect(paper == (item.keep_paper == 1), "paper, mean \(item.mean), deviation \(item.std)")
            #expect(code == (item.keep_code_mask == 1), "code, mean \(item.mean), deviation \(item.std)")
            #expect(
                GroupFilter().bans(mean: item.mean, standardDeviation: item.std) == (item.banned_by_code == 1)
            )
            #expect(GroupFilter(rule: .none).keeps(mean: item.mean, standardDeviation: item.std))
        }
    }

    @Test("the masks of both rules")
    func masks() {
        for (rule, mask) in [
            (GroupFilter.Rule.paper, example.stats.mask_paper), (.code, example.stats.mask_code),
        ] {
            let kept = groups.flatMap { rewards in
                let statistics = GroupStatistics(rewards)
                let keeps = GroupFilter(rule: rule).keeps(
                    mean: statistics.mean,
                    standardDeviation: statistics.standardDeviation
                )
                return rewards.map { _ in keeps ? 1 : 0 }
            }
            #expect(kept == mask)
        }
    }

    @Test("means of the best shares")
    func best() throws {
        for (percent, expected) in example.mean_reward_top {
            let share = try #require(Double(percent))
            let means = groups.map { GroupStatistics.meanOfBest(percent: share, of: $0) }
            #expect(agree(means.reduce(0, +) / 2, expected), "best \(percent) %")
        }
    }
}
