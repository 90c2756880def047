import Foundation
import Shared
import Testing

@testable import PolicyTrainer

@Suite("Noise levels and solvers")
struct FlowScheduleTests {
    private static let kontext = FlowScheduleConfiguration(
        shift: .exponential(.init(shortest: 256, longest: 4096, least: 0.5, most: 1.15))
    )
    private static let qwen = FlowScheduleConfiguration(
        shift: .exponential(.init(shortest: 256, longest: 8192, least: 0.5, most: 0.9)),
        terminal: 0.02
    )

    struct Golden: Sendable {
        let configuration: FlowScheduleConfiguration
        let tokens: Int
        let sigmas: [Float]
    }

    static let golden = [
        Golden(
            configuration: kontext,
            tokens: 1024,
            sigmas: [1, 0.90373557, 0.78970484, 0.65248946, 0.48421845, 0.27300333, 0]
        ),
        Golden(
            configuration: qwen,
            tokens: 1024,
            sigmas: [1, 0.86248221, 0.70279448, 0.51510557, 0.2913427, 0.02, 0]
        ),
        Golden(
            configuration: kontext,
            tokens: 4096,
            sigmas: [1, 0.940444, 0.863320, 0.759511, 0.612267, 0.387119, 0]
        ),
        Golden(
            configuration: kontext,
            tokens: 256,
            sigmas: [1, 0.891817, 0.767303, 0.622459, 0.451863, 0.247976, 0]
        ),
        Golden(
            configuration: kontext,
            tokens: 16,
            sigmas: [1, 0.887835, 0.759971, 0.612866, 0.441822, 0.240478, 0]
        ),
        Golden(
            configuration: kontext,
            tokens: 1024,
            sigmas: [
                1, 0.96335191, 0.92426806, 0.88249729, 0.83775266, 0.78970484, 0.73797405, 0.68211995,
                0.62162908,
                0.55589907, 0.48421845, 0.40574083, 0.31945134, 0.22412245, 0.11825524, 0,
            ]
        ),
        Golden(
            configuration: qwen,
            tokens: 1024,
            sigmas: [
                1, 0.95598926, 0.90939075, 0.85996933, 0.80746047, 0.75156552, 0.69194603, 0.6282169,
                0.55993804,
                0.4866042, 0.40763243, 0.32234657, 0.22995784, 0.12954035, 0.02, 0,
            ]
        ),
    ]

    @Test("levels equal the golden lists", arguments: golden.indices)
    func levels(index: Int) {
        let golden = Self.golden[index]
        let schedule = FlowSchedule(
            golden.configuration,
            steps: golden.sigmas.count - 1,
            targetTokens: golden.tokens
        )
        for (found, expected) in zip(schedule.sigmas, golden.sigmas) {
            #expect(abs(found - expected) < 1e-6)
        }
    }

    @Test("a constant shift follows its formula, and one step goes from 1 to 0")
    func constant() {
        let schedule = FlowSchedule(FlowScheduleConfiguration(shift: .constant(3)), steps: 2, targetTokens: 9)
        #expect(schedule.sigmas == [1, 0.75, 0])
        #expect(FlowSchedule(Self.kontext, steps: 1, targetTokens: 9).sigmas == [1, 0])
    }

    @Test(
        "levels of the tiny policy have diffusers' bits up to one unit in the last place",
        arguments: [4, 6]
    )
    func tiny(steps: Int) throws {
        let fixture = try PipelineFixture()
        let path = fixture.policyFolder + "/scheduler/scheduler_config.json"
        let schedule = FlowSchedule(try FlowScheduleConfiguration(path: path), steps: steps, targetTokens: 12)
        let expected = try fixture.tensors.tensor("sigmas.\(steps)").values
        for (left, right) in zip(schedule.sigmas, expected) {
            #expect(abs(left - right) <= right.ulp)
        }
    }

    @Test("an option that would change the levels is refused by name")
    func refusal() throws {
        let path = FileManager.default.temporaryDirectory.appending(
            path: "scheduler-\(UUID().uuidString).json"
        )
        defer { try? FileManager.default.removeItem(at: path) }
        try Data(#"{"use_karras_sigmas": true}"#.utf8).write(to: path)
        #expect {
            try FlowScheduleConfiguration(path: path.path(percentEncoded: false))
        } throws: {
            "\($0)".contains("use_karras_sigmas")
        }
    }

    struct Trace: Sendable {
        let solver: SolverKind
        let schedule: Int
        let states: [Double]
    }

    static let traces = [
        Trace(
            solver: .dpm2,
            schedule: 0,
            states: [1, 0.99037356, 0.97490896, 0.94855151, 0.90670442, 0.83905556, 0.74554773]
        ),
        Trace(
            solver: .flow,
            schedule: 0,
            states: [1, 0.99037356, 0.97490896, 0.95067799, 0.91295035, 0.85376835, 0.75905553]
        ),
        Trace(
            solver: .dpm2,
            schedule: 1,
            states: [1, 0.98624822, 0.96215428, 0.91884243, 0.84914974, 0.71414614, 0.70602127]
        ),
        Trace(
            solver: .flow,
            schedule: 1,
            states: [1, 0.98624822, 0.96215428, 0.92320349, 0.86258192, 0.76971827, 0.76125996]
        ),
    ]

    @Test("a scalar problem in double runs through the golden states", arguments: traces.indices)
    func trace(index: Int) throws {
        let trace = Self.traces[index]
        let sigmas = FlowSchedule(Self.golden[trace.schedule].configuration, steps: 6, targetTokens: 1024)
            .sigmas.map(Double.init)
        let solver = try #require(trace.solver.solver as? any MultistepSolver)
        var state = 1.0
        var previous = 0.0
        for step in 0..<6 {
            #expect(abs(state - trace.states[step]) < 1e-6)
            let sigma = sigmas[step]
            let velocity = 0.3 * state - 0.4 * sigma + 0.2
            let numbers = solver.step(step, sigmas: sigmas)
            let clean = state - sigma * velocity
            state += numbers.advance * velocity + numbers.correction * (clean - previous)
            previous = clean
        }
        #expect(abs(state - trace.states[6]) < 1e-6)
    }
}
