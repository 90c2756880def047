import Shared
import Testing

@testable import PolicyTrainer

@Suite("Rollout loop")
struct RolloutTests {
    private let schedule = FlowSchedule(
        FlowScheduleConfiguration(
            shift: .exponential(.init(shortest: 256, longest: 4096, least: 0.5, most: 1.15))
        ),
        steps: 6,
        targetTokens: 1024
    )

    @Test("the float32 loop runs through the golden states", arguments: [SolverKind.flow, .dpm2])
    func golden(solver: SolverKind) throws {
        let golden = FlowScheduleTests.traces.first { $0.solver == solver && $0.schedule == 0 }
        var steps: [Int] = []
        let final = try Rollout(schedule: schedule, solver: solver).run(from: Tensor([1, 1])) {
            steps.append($0)
        } velocity: { state, sigma in
            Tensor(state.values.map { 0.3 * $0 - 0.4 * sigma + 0.2 })
        }
        #expect(steps == [1, 2, 3, 4, 5, 6])
        #expect(final.values.allSatisfy { abs(Double($0) - (golden?.states[6] ?? .nan)) < 1e-6 })
    }

    @Test("the true velocity of a straight path leads to the clean latents", arguments: SolverKind.allCases)
    func straight(solver: SolverKind) throws {
        let (noise, clean) = (Tensor([1, -2, 0.5]), Tensor([0.25, 3, -1]))
        let final = try Rollout(schedule: schedule, solver: solver).run(from: noise) { _, _ in
            Tensor(zip(noise.values, clean.values).map { $0 - $1 })
        }
        #expect(zip(final.values, clean.values).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test("the last step of dpm2 returns the clean prediction")
    func lastStep() {
        let step = DPM2Solver().step(5, sigmas: schedule.sigmas.map(Double.init))
        #expect(step.correction == 0)
        #expect(step.advance == -Double(schedule.sigmas[5]))
    }
}
