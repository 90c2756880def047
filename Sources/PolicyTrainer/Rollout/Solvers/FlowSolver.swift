/// Euler steps along the velocity.
///
/// Source: `flow_grpo/diffusers_patch/solver.py` in PKU-YuanGroup/Edit-R1, solver "flow", deterministic.
struct FlowSolver: MultistepSolver {
    func step(_ index: Int, sigmas: [Double]) -> SolverStep {
        SolverStep(advance: sigmas[index + 1] - sigmas[index], correction: 0)
    }
}
