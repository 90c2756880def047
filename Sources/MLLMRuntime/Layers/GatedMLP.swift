import Shared

/// The feed-forward part of a layer: `down(silu(gate(x)) · up(x))`.
struct GatedMLP: FeedForward {
    let gate: LinearLayer
    let up: LinearLayer
    let down: LinearLayer

    var entrance: LinearLayer { gate }
    var exit: LinearLayer { down }

    func inside(_ x: ProductRows) -> ProductRows {
        if case .packed(let gates) = gate.weight, case .packed(let ups) = up.weight, down.precision != .int8 {
            return GEMM.gated(
                x,
                gate: gates,
                gateBias: gate.bias,
                up: ups,
                upBias: up.bias,
                for: down.precision
            )
        }
        return ProductRows(GatedSiLU.apply(gate: gate(x), up: up(x)), for: down.precision)
    }
}
