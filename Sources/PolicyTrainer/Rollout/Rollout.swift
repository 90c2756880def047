internal import Shared

/// The loop from noise to clean latents: a schedule, a solver, and a velocity that is asked once a step.
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
            let sigma = schedule.sigmas[index]
            let speed = try velocity(state, sigma)
            let step = solver.step(index, sigmas: sigmas)
            let clean = Elementwise.scaledSum(1, state, -sigma, speed)
            state = Elementwise.scaledSum(1, state, Float(step.advance), speed)
            if step.correction != 0, let previous {
                let change = Elementwise.scaledSum(1, clean, -1, previous)
                state = Elementwise.scaledSum(1, state, Float(step.correction), change)
            }
            previous = clean
            progress(index + 1)
        }
        return state
    }
}
