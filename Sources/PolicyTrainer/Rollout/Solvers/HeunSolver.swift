import Shared

/// Heun's method: an Euler step, then the mean of the velocities at both ends; the last step, to level 0, is Euler's.
///
/// Second order with 2 N - 1 velocities. Source: Karras et al., "Elucidating the Design Space of Diffusion-Based
/// Generative Models" (arXiv:2206.00364), algorithm 1.
struct HeunSolver: Solver {
    func advance(
        _ point: SolverPoint,
        velocity: (Tensor, Double) throws -> Tensor
    ) rethrows -> (state: Tensor, clean: Tensor) {
        let change = point.next - point.sigma
        let first = try velocity(point.state, point.sigma)
        let clean = point.moved(-point.sigma, along: first)
        let predicted = point.moved(change, along: first)
        guard point.next > 0 else { return (predicted, clean) }
        let second = try velocity(predicted, point.next)
        return (point.moved(change, along: Elementwise.scaledSum(0.5, first, 0.5, second)), clean)
    }
}
