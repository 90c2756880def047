import Foundation
import Shared

/// DPM-Solver++ 2S on the rectified-flow path: the clean prediction at the middle of a step in λ(s) = ln((1 - s)/s).
///
/// A step from z at s to s' is (s'/s) z + (1 - s'/s) x with x the clean prediction at the middle level. λ is infinite at
/// level 1 and at level 0, so a step that starts or ends there is Euler's.
///
/// Source: Lu et al., "DPM-Solver++" (arXiv:2211.01095), algorithm 1 with r = ½.
struct DPM2SSolver: Solver {
    func advance(
        _ point: SolverPoint,
        velocity: (Tensor, Double) throws -> Tensor
    ) rethrows -> (state: Tensor, clean: Tensor) {
        let (sigma, next) = (point.sigma, point.next)
        let first = try velocity(point.state, sigma)
        let clean = point.moved(-sigma, along: first)
        guard sigma < 1, next > 0 else { return (point.moved(next - sigma, along: first), clean) }
        func lambda(_ sigma: Double) -> Double { log((1 - sigma) / sigma) }
        let middle = 1 / (1 + exp((lambda(sigma) + lambda(next)) / 2))
        let state = point.moved(middle - sigma, along: first)
        let cleanAtMiddle = Elementwise.scaledSum(1, state, Float(-middle), try velocity(state, middle))
        let ratio = next / sigma
        return (
            Elementwise.scaledSum(Float(ratio), point.state, Float(1 - ratio), cleanAtMiddle), clean
        )
    }
}
