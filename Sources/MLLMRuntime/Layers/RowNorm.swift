import Shared

/// A normalisation of rows with the weights of its place in a model.
enum RowNorm: Sendable {
    /// Root mean square, without a bias.
    case rootMeanSquare(weight: Tensor, epsilon: Float)
    /// Mean and variance, with a bias.
    case layer(weight: Tensor, bias: Tensor, epsilon: Float)

    /// - Parameter x: `[rows, columns]`.
    /// - Returns: `[rows, columns]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: Tensor) -> Tensor {
        switch self {
        case .rootMeanSquare(let weight, let epsilon):
            RMSNorm.apply(x, weight: weight, epsilon: epsilon)
        case .layer(let weight, let bias, let epsilon):
            LayerNorm.apply(x, weight: weight, bias: bias, epsilon: epsilon)
        }
    }

    /// The normed rows as the left side of products.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`.
    ///   - precision: Of the products.
    /// - Returns: `[rows, columns]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: Tensor, for precision: Precision) -> ProductRows {
        switch self {
        case .rootMeanSquare(let weight, let epsilon):
            RMSNorm.productRows(x, weight: weight, epsilon: epsilon, for: precision)
        case .layer(let weight, let bias, let epsilon):
            LayerNorm.productRows(x, weight: weight, bias: bias, epsilon: epsilon, for: precision)
        }
    }
}
