/// DDIM with noise: the clean prediction, noised again to the next level with part of its noise fresh.
///
/// The fresh part has deviation ρ = η s' √(1 - s'² (1 - s)²/(s² (1 - s')²)), the kept noise √(s'² - ρ²). At level 1 the
/// root is 1; at level 0 ρ is 0, so that the last step adds no noise and has no log-probability.
///
/// Source: Song et al., "Denoising Diffusion Implicit Models" (arXiv:2010.02502), equations 12 and 16 with
/// α = 1 - s and σ = s; `flow_grpo/diffusers_patch/solver.py` in PKU-YuanGroup/Edit-R1, solver "ddim".
struct DDIMSolver: StochasticSolver {
    /// Strength of the noise, 0...1.
    let eta: Double
    var isNormalised: Bool { true }

    func step(_ index: Int, sigmas: [Double]) -> StochasticStep {
        let (sigma, next) = (sigmas[index], sigmas[index + 1])
        let ratio = next * (1 - sigma) / (sigma * (1 - next))
        let deviation = eta * next * max(0, 1 - ratio * ratio).squareRoot()
        let kept = max(0, next * next - deviation * deviation).squareRoot()
        return StochasticStep(
            stateFactor: 1 - next + kept,
            velocityFactor: kept * (1 - sigma) - (1 - next) * sigma,
            deviation: deviation
        )
    }
}
