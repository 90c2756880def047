internal import Shared

/// A linear layer `y = x · weightᵀ + bias`.
struct LinearLayer: Sendable {
    /// `[outputs, inputs]`, in whatever format the checkpoint has.
    let weight: WeightMatrix
    /// `[outputs]`.
    let bias: Tensor?

    /// A layer of a stored matrix.
    init(weight: WeightMatrix, bias: Tensor?) {
        precondition(
            bias.map { $0.count == weight.rowCount } ?? true,
            "a bias of \(bias?.shape ?? []) does not fit \(weight.rowCount) outputs"
        )
        self.weight = weight
        self.bias = bias
    }

    /// A layer of float32 numbers `[outputs, inputs]`.
    init(weight: Tensor, bias: Tensor?) {
        self.init(weight: WeightMatrix(weight), bias: bias)
    }

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
