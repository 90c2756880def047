import Shared

/// The part of a layer that maps every row by itself and is wide inside.
protocol FeedForward: Sendable {
    /// The first layer, for whose precision inputs are made.
    var entrance: LinearLayer { get }
    /// The last layer.
    var exit: LinearLayer { get }

    /// What the last layer takes.
    ///
    /// - Parameter x: `[rows, hiddenSize]`, made for the entrance; at most ``rowsAtATime`` rows in float32.
    /// - Returns: `[rows, intermediateSize]`, made for the exit; a row's bits depend on that row of `x` alone.
    func inside(_ x: ProductRows) -> ProductRows
}

extension FeedForward {
    /// Rows that go through at a time in float32, where three wide tensors of them are in memory at once.
    static var rowsAtATime: Int { 1024 }

    /// Adds the result to some rows.
    ///
    /// - Parameters:
    ///   - x: `[rows, hiddenSize]`, made for ``entrance``.
    ///   - y: `[rows, hiddenSize]`; what is added to a row depends on that row of `x` alone.
    func accumulate(_ x: ProductRows, into y: inout Tensor) {
        guard let tensor = x.tensor, tensor.rowCount > Self.rowsAtATime else {
            exit.accumulate(inside(x), into: &y)
            return
        }
        for first in stride(from: 0, to: tensor.rowCount, by: Self.rowsAtATime) {
            let rows = first..<min(first + Self.rowsAtATime, tensor.rowCount)
            let part = exit(inside(ProductRows(tensor.rows(rows), for: .float32)))
            RowArithmetic.accumulate(part, rows: 0..<rows.count, into: &y, at: first)
        }
    }
}
