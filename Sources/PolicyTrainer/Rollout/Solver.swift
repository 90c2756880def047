import Shared

/// What a solver sees when it takes a step.
struct SolverPoint: Sendable {
    /// The state z at the current level.
    let state: Tensor
    /// Which step, from 0.
    let index: Int
    /// All levels of the run, one more than there are steps, falling to 0.
    let sigmas: [Double]
    /// The clean prediction of the step before; nil at the first step.
    let previousClean: Tensor?

    /// The level s of the state.
    var sigma: Double { sigmas[index] }
    /// The level s' to go to.
    var next: Double { sigmas[index + 1] }

    /// `state + factor · direction`.
    func moved(_ factor: Double, along direction: Tensor) -> Tensor {
        Elementwise.scaledSum(1, state, Float(factor), direction)
    }
}

/// A deterministic way from noise to a picture along the levels of a schedule.
protocol Solver: Sendable {
    /// Takes one step.
    ///
    /// - Parameters:
    ///   - point: State and levels.
    ///   - velocity: The model's velocity at a state and a level of 0...1.
    /// - Returns: The next state, and the clean prediction z - s v at the point.
    /// - Throws: What `velocity` throws.
    func advance(
        _ point: SolverPoint,
        velocity: (Tensor, Double) throws -> Tensor
    ) rethrows -> (state: Tensor, clean: Tensor)
}

/// The numbers of one step of a linear multistep solver.
///
/// With state z, velocity v, level s, and clean prediction x = z - s v of this step and x' of the last one, the next
/// state is z + `advance` · v + `correction` · (x - x').
struct SolverStep: Sendable, Equatable {
    /// Factor of the velocity: next level minus this one.
    let advance: Double
    /// Factor of the change of the clean prediction; 0 for a step of first order.
    let correction: Double
}

/// A solver that asks for one velocity a step and remembers at most one clean prediction.
protocol MultistepSolver: Solver {
    /// The numbers of one step.
    ///
    /// - Parameters:
    ///   - index: Which step, from 0.
    ///   - sigmas: All levels of the run, one more than there are steps.
    /// - Returns: The factors of velocity and correction.
    func step(_ index: Int, sigmas: [Double]) -> SolverStep
}

extension MultistepSolver {
    func advance(
        _ point: SolverPoint,
        velocity: (Tensor, Double) throws -> Tensor
    ) rethrows -> (state: Tensor, clean: Tensor) {
        let speed = try velocity(point.state, point.sigma)
        let step = step(point.index, sigmas: point.sigmas)
        let clean = point.moved(-point.sigma, along: speed)
        let state = point.moved(step.advance, along: speed)
        guard step.correction != 0, let previous = point.previousClean else { return (state, clean) }
        let change = Elementwise.scaledSum(1, clean, -1, previous)
        return (Elementwise.scaledSum(1, state, Float(step.correction), change), clean)
    }
}
