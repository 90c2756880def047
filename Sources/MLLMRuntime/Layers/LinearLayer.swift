internal import Shared

/// A linear layer `y = x · weightᵀ + bias`.
///
/// The one place that knows how the weights of a layer are held; other precisions become cases here.
struct LinearLayer: Sendable {
    /// `[outputs, inputs]`.
    let weight: Tensor
    /// `[outputs]`.
    let bias: Tensor?

    /// - Parameter x: `[rows, inputs]`.
    /// - Returns: `[rows, outputs]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: Tensor) -> Tensor {
        var y = GEMM.linear(x, weight: weight)
        if let bias {
            RowArithmetic.addBias(bias, to: &y)
        }
        return y
    }
}
