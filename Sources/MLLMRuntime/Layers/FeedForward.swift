internal import Shared

/// The part of a layer that maps every row by itself and is wide inside.
protocol FeedForward: Sendable {
    /// Maps some rows.
    ///
    /// - Parameter x: `[rows, hiddenSize]`, at most ``rowsAtATime`` rows.
    /// - Returns: `[rows, hiddenSize]`; a row's bits depend on that row of `x` alone.
    func part(_ x: Tensor) -> Tensor
}

extension FeedForward {
    /// Rows that go through at a time; bounds the memory of the wide intermediate rows.
    static var rowsAtATime: Int { 1024 }

    /// - Parameter x: `[rows, hiddenSize]`.
    /// - Returns: `[rows, hiddenSize]`; a row's bits depend on that row of `x` alone.
    func callAsFunction(_ x: Tensor) -> Tensor {
        guard x.rowCount > Self.rowsAtATime else { return part(x) }
        let parts = stride(from: 0, to: x.rowCount, by: Self.rowsAtATime).map {
            part(x.rows($0..<min($0 + Self.rowsAtATime, x.rowCount)))
        }
        return Tensor.concatenatingRows(parts)
    }
}
