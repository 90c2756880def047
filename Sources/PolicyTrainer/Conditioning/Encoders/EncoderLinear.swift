internal import Shared

/// A frozen linear layer of an encoder: rows · weightᵀ + bias.
struct EncoderLinear: Sendable {
    /// `[outputs, inputs]`.
    let weight: Tensor
    /// `[outputs]`, when the layer has one.
    let bias: Tensor?

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
