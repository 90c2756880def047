import ArgumentParser

/// What `--solver` of `sample` chooses: a solver without noise or one with fresh noise at every step.
enum SampleSolver: ExpressibleByArgument {
    case deterministic(SolverKind)
    case stochastic(StochasticSolverKind)

    init?(argument: String) {
        if let kind = SolverKind(rawValue: argument) {
            self = .deterministic(kind)
        } else if let kind = StochasticSolverKind(rawValue: argument) {
            self = .stochastic(kind)
        } else {
            return nil
        }
    }

    /// The name that chooses it.
    var name: String {
        switch self {
        case .deterministic(let kind): kind.rawValue
        case .stochastic(let kind): kind.rawValue
        }
    }

    var defaultValueDescription: String { name }

    /// Whether its result depends on the seed even from given latents.
    var addsNoise: Bool { if case .stochastic = self { true } else { false } }

    /// All names, for the help text.
    static let allValueStrings =
        SolverKind.allCases.map(\.rawValue) + StochasticSolverKind.allCases.map(\.rawValue)
}
