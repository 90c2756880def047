internal import Shared

/// The feed-forward part of a layer: `down(silu(gate(x)) · up(x))`.
struct GatedMLP: FeedForward {
    let gate: LinearLayer
    let up: LinearLayer
    let down: LinearLayer

    func part(_ x: Tensor) -> Tensor {
        down(GatedSiLU.apply(gate: gate(x), up: up(x)))
    }
}
