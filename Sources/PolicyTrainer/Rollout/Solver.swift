/// The numbers of one step of a solver.
///
/// With state z, velocity v, level s, and clean prediction x = z - s v of this step and x' of the last one, the next
/// state is z + `advance` · v + `correction` · (x - x').
struct SolverStep: Sendable, Equatable {
    /// Factor of the velocity: next level minus this one.
    let advance: Double
    /// Factor of the change of the clean prediction; 0 for a step of first order.
    let correction: Double
}

/// A deterministic way from noise to a picture along the levels of a schedule.
protocol Solver: Sendable {
    /// The numbers of one step.
    ///
    /// - Parameters:
    ///   - index: Which step, from 0.
    ///   - sigmas: All levels of the run, one more than there are steps.
    /// - Returns: The factors of velocity and correction.
    func step(_ index: Int, sigmas: [Double]) -> SolverStep
}
