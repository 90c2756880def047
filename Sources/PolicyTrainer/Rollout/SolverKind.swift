/// The solvers by the names that flags and configurations use.
enum SolverKind: String, Sendable, CaseIterable, Codable {
    /// Euler steps, deterministic.
    case flow
    /// Second-order multistep in the clean prediction.
    case dpm2

    /// The solver.
    var solver: any Solver {
        switch self {
        case .flow: FlowSolver()
        case .dpm2: DPM2Solver()
        }
    }
}
