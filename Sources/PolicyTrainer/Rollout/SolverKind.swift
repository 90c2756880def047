/// The deterministic solvers by the names that flags and configurations use.
enum SolverKind: String, Sendable, CaseIterable, Codable {
    /// Euler steps.
    case flow
    /// First order in the clean prediction; algebraically the Euler step, and computed as such.
    case dpm1
    /// Second-order multistep in the clean prediction (DPM-Solver++ 2M).
    case dpm2
    /// Second-order single step in the clean prediction (DPM-Solver++ 2S).
    case dpm2s
    /// Heun's trapezoidal predictor and corrector.
    case heun
    /// The explicit midpoint rule.
    case midpoint

    /// The solver.
    var solver: any Solver {
        switch self {
        case .flow, .dpm1: FlowSolver()
        case .dpm2: DPM2Solver()
        case .dpm2s: DPM2SSolver()
        case .heun: HeunSolver()
        case .midpoint: MidpointSolver()
        }
    }
}
