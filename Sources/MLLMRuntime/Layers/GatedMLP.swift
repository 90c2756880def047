internal import Shared

/// The feed-forward part of a layer: `down(silu(gate(x)) · up(x))`.
struct GatedMLP: Sendable {
    /// Rows that go through at a time; bounds the memory of the wide intermediate rows.
    private static let rowsAtATime = 1024

    let gate: LinearLayer
    let up: LinearLayer
    let down: LinearLayer

    /// - Parameter x: `[rows, hiddenSize]`.
    /// - Returns: `[rows, hiddenSize]`.
    func callAsFunction(_ x: Tensor) -> Tensor {
        guard x.rowCount > Self.rowsAtATime else { return part(x) }
        let parts = stride(from: 0, to: x.rowCount, by: Self.rowsAtATime).map {
            part(x.rows($0..<min($0 + Self.rowsAtATime, x.rowCount)))
        }
        return Tensor.concatenatingRows(parts)
    }

    private func part(_ x: Tensor) -> Tensor {
        down(GatedSiLU.apply(gate: gate(x), up: up(x)))
    }
}
