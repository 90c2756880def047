/// The stochastic steps of DanceGRPO: noise of constant strength η.
///
/// As published its log-probability lacks the normaliser of the Gaussian: the terms stand in a statement of their own,
/// without effect. Only differences of log-probabilities at equal steps mean anything then, which is what is used.
///
/// Source: Xue et al., "DanceGRPO" (arXiv:2505.07818); `flow_grpo/diffusers_patch/solver.py` in PKU-YuanGroup/Edit-R1,
/// solver "dance".
struct DanceSolver: StochasticSolver {
    /// Strength of the noise.
    let eta: Double
    var isNormalised: Bool { false }

    func step(_ index: Int, sigmas: [Double]) -> StochasticStep {
        .diffusion(eta, from: sigmas[index], to: sigmas[index + 1])
    }
}
