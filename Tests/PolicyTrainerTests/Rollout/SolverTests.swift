import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// What `scripts/fixtures/solvers.py` computed in float64.
struct SolverFixture: Decodable {
    struct Case: Decodable {
        let schedule: String
        let solver: String
        let final: [Float]
        let logProbabilities: [[Double]?]?
    }

    let tolerance: Float
    let eta: [String: Double]
    let matrix: [Double]
    let initial: [Float]
    let noise: [[Float]]
    let cases: [Case]

    static func load() throws -> SolverFixture {
        let url = Bundle.module.bundleURL.appending(path: "Fixtures/solvers.json")
        return try JSONDecoder().decode(SolverFixture.self, from: Data(contentsOf: url))
    }

    /// tanh(z A)(1 + s) + s z / 2, row by row.
    func velocity(_ state: Tensor, _ sigma: Float) -> Tensor {
        let (z, s) = (state.values.map(Double.init), Double(sigma))
        let values = z.indices.map { index in
            let (row, column) = (index / 6, index % 6)
            let product = (0..<6).reduce(0) { $0 + z[row * 6 + $1] * matrix[$1 * 6 + column] }
            return Float(tanh(product) * (1 + s) + 0.5 * s * z[index])
        }
        return Tensor(values, shape: state.shape)
    }

    func schedule(_ name: String) -> FlowSchedule {
        let isKontext = name == "kontext"
        let range = FlowScheduleConfiguration.TokenRange(
            shortest: 256,
            longest: isKontext ? 4_096 : 8_192,
            least: 0.5,
            most: isKontext ? 1.15 : 0.9
        )
        let configuration = FlowScheduleConfiguration(
            shift: .exponential(range),
            terminal: isKontext ? nil : 0.02
        )
        return FlowSchedule(configuration, steps: 6, targetTokens: 1_024)
    }
}

@Suite("Solvers")
struct SolverTests {
    @Test("every deterministic solver ends where the float64 formulas do", arguments: SolverKind.allCases)
    func deterministic(kind: SolverKind) throws {
        let fixture = try SolverFixture.load()
        let cases = fixture.cases.filter { $0.solver == kind.rawValue }
        #expect(cases.count == 2)
        for one in cases {
            let rollout = Rollout(schedule: fixture.schedule(one.schedule), solver: kind)
            let final = try rollout.run(
                from: Tensor(fixture.initial, shape: [2, 6]),
                velocity: fixture.velocity
            )
            #expect(
                Tolerance.relativeDifference(final.values, one.final) < fixture.tolerance,
                "\(one.schedule)"
            )
        }
    }

    @Test(
        "every stochastic solver ends where the float64 formulas do, with their log-probabilities",
        arguments: StochasticSolverKind.allCases
    )
    func stochastic(kind: StochasticSolverKind) throws {
        let fixture = try SolverFixture.load()
        let eta = try #require(fixture.eta[kind.rawValue])
        let cases = fixture.cases.filter { $0.solver == kind.rawValue }
        #expect(cases.count == 2)
        for one in cases {
            let rollout = StochasticRollout(
                schedule: fixture.schedule(one.schedule),
                solver: try kind.solver(eta: eta)
            )
            let result = try rollout.run(
                from: Tensor(fixture.initial, shape: [2, 6]),
                noise: { Tensor(fixture.noise[$0], shape: [2, 6]) },
                velocity: fixture.velocity
            )
            #expect(Tolerance.relativeDifference(result.state.values, one.final) < fixture.tolerance)
            let expected = try #require(one.logProbabilities)
            #expect(result.logProbabilities.map { $0 == nil } == expected.map { $0 == nil })
            for (found, wanted) in zip(result.logProbabilities, expected) {
                for (left, right) in zip(found ?? [], wanted ?? []) {
                    #expect(abs(left - right) < 1e-5 * max(1, abs(right)))
                }
            }
        }
    }

    /// z' = 0.3 z - 0.4 s + 0.2 from level 0.9 to 0.1, where λ is smooth, against its solution.
    private func error(_ solver: any Solver, steps: Int) -> Double {
        let sigmas = (0...steps).map { 0.9 - 0.8 * Double($0) / Double(steps) }
        var state = Tensor([1.5])
        var previous: Tensor?
        for index in 0..<steps {
            let point = SolverPoint(state: state, index: index, sigmas: sigmas, previousClean: previous)
            let result = solver.advance(point) { state, sigma in
                Tensor([Float(0.3 * Double(state.values[0]) - 0.4 * sigma + 0.2)])
            }
            (state, previous) = (result.state, result.clean)
        }
        // The particular solution is 4/3 s + 34/9.
        let (slope, constant) = (4.0 / 3, 34.0 / 9)
        let factor = (1.5 - slope * 0.9 - constant) / exp(0.3 * 0.9)
        return abs(Double(state.values[0]) - (factor * exp(0.3 * 0.1) + slope * 0.1 + constant))
    }

    @Test(
        "halving the steps divides the error by 2 for Euler and by 4 for the second-order solvers",
        arguments: SolverKind.allCases
    )
    func order(kind: SolverKind) {
        let order = log2(error(kind.solver, steps: 10) / error(kind.solver, steps: 20))
        let expected = kind == .flow || kind == .dpm1 ? 1.0 : 2
        #expect(abs(order - expected) < 0.5, "order \(order)")
    }

    @Test("Heun asks for 2 N - 1 velocities, midpoint for 2 N, 2S for 2 N - 2, the others for N")
    func counts() throws {
        let fixture = try SolverFixture.load()
        let expected: [SolverKind: Int] = [.heun: 11, .midpoint: 12, .dpm2s: 10]
        for kind in SolverKind.allCases {
            var count = 0
            _ = try Rollout(schedule: fixture.schedule("kontext"), solver: kind).run(from: Tensor([1])) {
                state,
                _ in
                count += 1
                return state
            }
            #expect(count == expected[kind] ?? 6, "\(kind)")
        }
    }

    @Test("a candidate's noise is its own: alone and in company it takes the same way")
    func namedNoise() throws {
        let fixture = try SolverFixture.load()
        let rollout = StochasticRollout(
            schedule: fixture.schedule("kontext"),
            solver: try StochasticSolverKind.sde.solver(eta: 0.7)
        )
        let seeds = [SeedTree(seed: 1)["a"], SeedTree(seed: 1)["b"]]
        let both = try rollout.run(
            from: Tensor(fixture.initial, shape: [2, 6]),
            seeds: seeds,
            velocity: fixture.velocity
        )
        let second = try rollout.run(
            from: Tensor(Array(fixture.initial[6...]), shape: [1, 6]),
            seeds: [seeds[1]],
            velocity: fixture.velocity
        )
        #expect(second.state.values == Array(both.state.values[6...]))
        #expect(second.logProbabilities.map { $0?[0] } == both.logProbabilities.map { $0?[1] })
    }

    @Test("DDIM's last step is the clean prediction; a strength outside its range is refused")
    func ends() throws {
        let step = try StochasticSolverKind.ddim.solver(eta: 1).step(1, sigmas: [1, 0.5, 0])
        #expect(step == StochasticStep(stateFactor: 1, velocityFactor: -0.5, deviation: 0))
        for (kind, eta) in [(StochasticSolverKind.sde, 0.0), (.ddim, 1.5), (.dance, .nan)] {
            #expect(throws: PolicyError.self) { try kind.solver(eta: eta) }
        }
        // One step from 1 to 0 stays finite.
        let only = try StochasticSolverKind.sde.solver(eta: 0.7).step(0, sigmas: [1, 0])
        #expect(only.deviation == 0.7)
    }
}
