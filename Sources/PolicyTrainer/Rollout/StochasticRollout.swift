import Foundation
import Shared

/// The loop from noise to clean latents with fresh noise at every step, and the log-probability of each step.
struct StochasticRollout: Sendable {
    /// What a run gives.
    struct Result: Sendable {
        /// The final state, of the shape of the initial noise.
        let state: Tensor
        /// Log-probability of every step and candidate, the mean over the candidate's numbers, `[steps][candidates]`;
        /// nil for a step that adds no noise and so has no density.
        let logProbabilities: [[Double]?]
    }

    /// The noise levels.
    let schedule: FlowSchedule
    /// How a step is made of state, velocity and noise.
    let solver: any StochasticSolver

    /// Runs all steps; a candidate's noise depends on its own seeds only, not on the company it is in.
    ///
    /// - Parameters:
    ///   - noise: The initial states, `[candidates, …]`.
    ///   - seeds: A stream per candidate; step k draws from `seeds[candidate]["solver", k]`.
    ///   - progress: Called after each step with the count of steps done.
    ///   - velocity: The model's velocity at a state and a level.
    /// - Returns: The final states and the log-probabilities of the steps.
    /// - Throws: `CancellationError` between steps, or what `velocity` throws.
    func run(
        from noise: Tensor,
        seeds: [SeedTree],
        progress: (Int) -> Void = { _ in },
        velocity: (Tensor, Float) throws -> Tensor
    ) throws -> Result {
        precondition(seeds.count == noise.shape.first, "\(seeds.count) seeds for noise of \(noise.shape)")
        let count = noise.count / max(1, seeds.count)
        return try run(
            from: noise,
            noise: { step in
                let values = seeds.flatMap { seeds in
                    var generator = seeds["solver", step].generator
                    return generator.normals(count: count)
                }
                return Tensor(values, shape: noise.shape)
            },
            progress: progress,
            velocity: velocity
        )
    }

    /// Runs all steps with noise from the caller.
    ///
    /// - Parameters:
    ///   - initial: The initial states, `[candidates, …]`.
    ///   - noise: Standard normal numbers of a step, of the shape of `initial`.
    ///   - progress: Called after each step with the count of steps done.
    ///   - velocity: The model's velocity at a state and a level.
    /// - Returns: The final states and the log-probabilities of the steps.
    /// - Throws: `CancellationError` between steps, or what `velocity` throws.
    func run(
        from initial: Tensor,
        noise: (Int) -> Tensor,
        progress: (Int) -> Void = { _ in },
        velocity: (Tensor, Float) throws -> Tensor
    ) throws -> Result {
        let sigmas = schedule.sigmas.map(Double.init)
        var state = initial
        var logProbabilities: [[Double]?] = []
        for index in 0..<schedule.stepCount {
            try Task.checkCancellation()
            let speed = try velocity(state, schedule.sigmas[index])
            let step = solver.step(index, sigmas: sigmas)
            let mean = Elementwise.scaledSum(
                Float(step.stateFactor),
                state,
                Float(step.velocityFactor),
                speed
            )
            state = Elementwise.scaledSum(1, mean, Float(step.deviation), noise(index))
            logProbabilities.append(logProbability(of: state, mean: mean, deviation: step.deviation))
            progress(index + 1)
        }
        return Result(state: state, logProbabilities: logProbabilities)
    }

    /// Mean over a candidate's numbers of -(x - m)²/(2 d²), less ln d + ½ ln 2π where the solver normalises.
    private func logProbability(of state: Tensor, mean: Tensor, deviation: Double) -> [Double]? {
        guard deviation > 0 else { return nil }
        let candidates = state.shape.first ?? 1
        let count = state.count / max(1, candidates)
        let normaliser = solver.isNormalised ? log(deviation) + 0.5 * log(2 * Double.pi) : 0
        return unsafe state.withUnsafeBuffer { x in
            unsafe mean.withUnsafeBuffer { m in
                (0..<candidates).map { candidate in
                    var squares = 0.0
                    for index in (candidate * count)..<((candidate + 1) * count) {
                        let difference = unsafe Double(x[index]) - Double(m[index])
                        squares += difference * difference
                    }
                    return -squares / (2 * deviation * deviation * Double(count)) - normaliser
                }
            }
        }
    }
}
