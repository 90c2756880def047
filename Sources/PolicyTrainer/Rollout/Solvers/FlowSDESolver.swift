/// The stochastic steps of Flow-GRPO: noise of strength q = η √(s/(1 - s)).
///
/// At level 1, where q is infinite, the next level stands in the denominator. The step to level 0 adds noise too.
///
/// Source: Liu et al., "Flow-GRPO" (arXiv:2505.05470), equation 9; `flow_grpo/diffusers_patch/solver.py` in
/// PKU-YuanGroup/Edit-R1, solver "flow".
struct FlowSDESolver: StochasticSolver {
    /// Strength of the noise, "noise_level" upstream.
    let eta: Double
    var isNormalised: Bool { true }

    func step(_ index: Int, sigmas: [Double]) -> StochasticStep {
        let (sigma, next) = (sigmas[index], sigmas[index + 1])
        // A schedule of one step goes from 1 to 0: q stays finite, and is η.
        let rest = 1 - (sigma == 1 ? next : sigma)
        return .diffusion(eta * (sigma / rest).squareRoot(), from: sigma, to: next)
    }
}
