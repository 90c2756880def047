/// The numbers of one step with fresh noise: z' = `stateFactor` · z + `velocityFactor` · v + `deviation` · n.
struct StochasticStep: Sendable, Equatable {
    /// Factor of the state.
    let stateFactor: Double
    /// Factor of the velocity.
    let velocityFactor: Double
    /// Factor of standard normal noise; 0 for a step without noise.
    let deviation: Double

    /// An Euler step of the stochastic equation whose noise has strength q.
    ///
    /// The probability flow gains half of q² times minus the score, and ε/s with ε = z + (1 - s) v is minus the score:
    /// the mean is z + h (v + q²/(2 s) ε), h the (negative) change of level, and the deviation q √(-h).
    static func diffusion(_ strength: Double, from sigma: Double, to next: Double) -> StochasticStep {
        let change = next - sigma
        let pull = strength * strength / (2 * sigma)
        return StochasticStep(
            stateFactor: 1 + pull * change,
            velocityFactor: change * (1 + pull * (1 - sigma)),
            deviation: strength * (-change).squareRoot()
        )
    }
}

/// A way from noise to a picture that adds noise at its steps.
protocol StochasticSolver: Sendable {
    /// Whether the published log-probability holds the normaliser of the Gaussian.
    var isNormalised: Bool { get }

    /// The numbers of one step.
    ///
    /// - Parameters:
    ///   - index: Which step, from 0.
    ///   - sigmas: All levels of the run, one more than there are steps.
    /// - Returns: The factors of state, velocity and noise.
    func step(_ index: Int, sigmas: [Double]) -> StochasticStep
}

/// The stochastic solvers by name.
enum StochasticSolverKind: String, Sendable, CaseIterable {
    /// The Flow-GRPO stochastic equation.
    case sde
    /// DanceGRPO's, of constant strength.
    case dance
    /// DDIM with noise.
    case ddim

    /// The solver.
    ///
    /// - Parameter eta: Strength of the noise, above 0; at most 1 for ``ddim``. Flow-GRPO's configurations use 0.7.
    /// - Returns: The solver.
    /// - Throws: ``PolicyError/setting(name:value:reason:)`` for a strength outside its range.
    func solver(eta: Double) throws(PolicyError) -> any StochasticSolver {
        let limit = self == .ddim ? 1.0 : 100
        guard eta > 0, eta <= limit else {
            throw .setting(
                name: "eta",
                value: "\(eta)",
                reason: "it must be above 0 and at most \(limit) for \(rawValue)"
            )
        }
        return switch self {
        case .sde: FlowSDESolver(eta: eta)
        case .dance: DanceSolver(eta: eta)
        case .ddim: DDIMSolver(eta: eta)
        }
    }
}
