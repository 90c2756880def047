internal import Shared

/// A feed-forward part of two layers: `second(activation(first(x)))`.
struct PlainMLP: FeedForward {
    let first: LinearLayer
    let second: LinearLayer
    let activation: ActivationKind

    func part(_ x: Tensor) -> Tensor {
        second(Activation.apply(activation, first(x)))
    }
}
