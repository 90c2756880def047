import Foundation

/// DPM-Solver++ 2M in its midpoint form on the rectified-flow path, deterministic.
///
/// With λ(s) = ln((1 - s)/s), h = λ(s') - λ(s) and h₀ = λ(s) - λ(s₋₁), the correction of Euler's step from s to s' is
/// ½ (1 - s'/s) h/h₀. The first and the last step are of first order, and so is a step after level 1, where λ is
/// infinite.
///
/// Source: `flow_grpo/diffusers_patch/solver.py` in PKU-YuanGroup/Edit-R1, solver "dpm2"; Lu et al.,
/// "DPM-Solver++" (arXiv:2211.01095), algorithm 2.
struct DPM2Solver: MultistepSolver {
    func step(_ index: Int, sigmas: [Double]) -> SolverStep {
        let (current, next) = (sigmas[index], sigmas[index + 1])
        let advance = next - current
        guard index > 0, index < sigmas.count - 2, sigmas[index - 1] < 1, next > 0 else {
            return SolverStep(advance: advance, correction: 0)
        }
        func lambda(_ sigma: Double) -> Double { log((1 - sigma) / sigma) }
        let ahead = lambda(next) - lambda(current)
        let behind = lambda(current) - lambda(sigmas[index - 1])
        return SolverStep(advance: advance, correction: 0.5 * (1 - next / current) * ahead / behind)
    }
}
