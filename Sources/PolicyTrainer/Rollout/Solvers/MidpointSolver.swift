import Shared

/// The explicit midpoint rule: a full step along the velocity at its middle.
///
/// Second order with 2 N velocities; the middle of the last step lies above level 0, so that no step is special.
struct MidpointSolver: Solver {
    func advance(
        _ point: SolverPoint,
        velocity: (Tensor, Double) throws -> Tensor
    ) rethrows -> (state: Tensor, clean: Tensor) {
        let change = point.next - point.sigma
        let first = try velocity(point.state, point.sigma)
        let middle = point.moved(change / 2, along: first)
        let speed = try velocity(middle, point.sigma + change / 2)
        return (point.moved(change, along: speed), point.moved(-point.sigma, along: first))
    }
}
