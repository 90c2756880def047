internal import Shared

/// A linear layer `y = x · weightᵀ + bias`.
struct LinearLayer: Sendable {
    /// `[outputs, inputs]`.
    enum Weight: Sendable {
        /// Float32 arithmetic, in whatever format the checkpoint has.
        case float32(WeightMatrix)
        /// Bfloat16 or int8 arithmetic.
        case packed(PackedMatrix)

        /// Outputs.
        var rowCount: Int {
            switch self {
            case .float32(let matrix): matrix.rowCount
            case .packed(let matrix): matrix.rowCount
            }
        }

        /// Inputs.
        var columnCount: Int {
            switch self {
            case .float32(let matrix): matrix.columnCount
            case .packed(let matrix): matrix.columnCount
            }
        }
    }

    let weight: Weight
    /// `[outputs]`.
    let bias: Tensor?

    /// A layer of a stored matrix.
    ///
    /// - Parameters:
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    ///   - precision: The arithmetic; one that this machine has.
    init(weight: WeightMatrix, bias: Tensor?, precision: Precision = .float32) {
        precondition(
            bias.map { $0.count == weight.rowCount } ?? true,
            "a bias of \(bias?.shape ?? []) does not fit \(weight.rowCount) outputs"
        )
        self.weight =
            precision == .float32 ? .float32(weight) : .packed(PackedMatrix(weight, precision: precision))
        self.bias = bias
    }

    /// A layer of a packed matrix.
    init(packed: PackedMatrix, bias: Tensor?) {
        weight = .packed(packed)
        self.bias = bias
    }

    /// A layer of float32 numbers `[outputs, inputs]`.
    init(weight: Tensor, bias: Tensor?) {
        self.init(weight: WeightMatrix(weight), bias: bias)
    }

    /// - Parameter x: `[rows, inputs]`.
    /// - Returns: `[rows, outputs]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: Tensor) -> Tensor {
        switch weight {
        case .float32(let matrix):
            var y = GEMM.linear(x, weight: matrix)
            if let bias {
                RowArithmetic.addBias(bias, to: &y)
            }
            return y
        case .packed(let matrix):
            return GEMM.linear(x, weight: matrix, bias: bias)
        }
    }
}
