import Shared

/// The loop from noise to clean latents: a schedule, a solver, and the velocities that it asks for.
struct Rollout: Sendable {
    /// The noise levels.
    let schedule: FlowSchedule
    /// How a step is made of velocities.
    let solver: SolverKind

    /// Runs all steps.
    ///
    /// The state stays float32; predictions and updates are float32 with factors computed in double.
    ///
    /// - Parameters:
    ///   - noise: The initial state, any shape.
    ///   - progress: Called after each step with the count of steps done.
    ///   - velocity: The model's velocity at a state and a level.
    /// - Returns: The final state, of the shape of `noise`.
    /// - Throws: `CancellationError` between steps, or what `velocity` throws.
    func run(
        from noise: Tensor,
        progress: (Int) -> Void = { _ in },
        velocity: (Tensor, Float) throws -> Tensor
    ) throws -> Tensor {
        let sigmas = schedule.sigmas.map(Double.init)
        let solver = solver.solver
        var state = noise
        var previous: Tensor?
        for index in 0..<schedule.stepCount {
            try Task.checkCancellation()
            let point = SolverPoint(state: state, index: index, sigmas: sigmas, previousClean: previous)
            let result = try solver.advance(point) { try velocity($0, Float($1)) }
            (state, previous) = (result.state, result.clean)
            progress(index + 1)
        }
        return state
    }
}
