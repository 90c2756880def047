import Shared

/// A feed-forward part of two layers: `second(activation(first(x)))`.
struct PlainMLP: FeedForward {
    let first: LinearLayer
    let second: LinearLayer
    let activation: ActivationKind

    var entrance: LinearLayer { first }
    var exit: LinearLayer { second }

    func inside(_ x: ProductRows) -> ProductRows {
        if case .packed(let weight) = first.weight, second.precision != .int8 {
            return GEMM.activated(activation, x, weight: weight, bias: first.bias, for: second.precision)
        }
        return ProductRows(Activation.apply(activation, first(x)), for: second.precision)
    }
}
