import Shared

/// A frozen linear layer of an encoder: rows · weightᵀ + bias.
struct EncoderLinear: Sendable {
    /// `[outputs, inputs]`, float32 or as a checkpoint stores it.
    let weight: WeightMatrix
    /// `[outputs]`, when the layer has one.
    let bias: Tensor?

    /// A layer of a stored matrix.
    init(weight: WeightMatrix, bias: Tensor?) {
        self.weight = weight
        self.bias = bias
    }

    /// A layer of float32 numbers `[outputs, inputs]`.
    init(weight: Tensor, bias: Tensor?) {
        self.init(weight: WeightMatrix(weight), bias: bias)
    }

    /// Applies the layer to every row; a row's bits do not depend on the others.
    ///
    /// - Parameter rows: `[rows, inputs]`.
    /// - Returns: `[rows, outputs]`.
    func callAsFunction(_ rows: Tensor) -> Tensor {
        var result = GEMM.linear(rows, weight: weight)
        if let bias { RowArithmetic.addBias(bias, to: &result) }
        return result
    }
}
