import Shared

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

    /// The arithmetic, which inputs must be made for.
    var precision: Precision {
        switch weight {
        case .float32: .float32
        case .packed(let matrix): matrix.precision
        }
    }

    /// - Parameter x: `[rows, inputs]`.
    /// - Returns: `[rows, outputs]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: Tensor) -> Tensor {
        self(ProductRows(x, for: precision))
    }

    /// - Parameter x: `[rows, inputs]`, made for ``precision``.
    /// - Returns: `[rows, outputs]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: ProductRows) -> Tensor {
        switch weight {
        case .float32(let matrix):
            var y = GEMM.linear(Self.tensor(x), weight: matrix)
            if let bias {
                RowArithmetic.addBias(bias, to: &y)
            }
            return y
        case .packed(let matrix):
            return GEMM.linear(x, weight: matrix, bias: bias)
        }
    }

    /// Adds the layer's result to some rows.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`, made for ``precision``.
    ///   - y: `[rows, outputs]`.
    func accumulate(_ x: ProductRows, into y: inout Tensor) {
        switch weight {
        case .float32: RowArithmetic.accumulate(self(x), into: &y)
        case .packed(let matrix): GEMM.accumulate(x, weight: matrix, bias: bias, into: &y)
        }
    }

    private static func tensor(_ x: ProductRows) -> Tensor {
        guard let tensor = x.tensor else {
            preconditionFailure("rows made for \(x.precision.rawValue) met a float32 layer")
        }
        return tensor
    }
}
