import Shared

/// From the patches of a cell to one token: `second(gelu(first(norm(patches))))`.
struct PatchMerger: Sendable {
    /// What the norm sees as one row.
    enum NormedRow: Sendable {
        /// A patch.
        case patch
        /// The patches of a cell, side by side.
        case cell
    }

    let norm: RowNorm
    let normedRow: NormedRow
    /// `[cellWidth, cellWidth]`.
    let first: LinearLayer
    /// `[outputSize, cellWidth]`.
    let second: LinearLayer

    /// - Parameters:
    ///   - x: `[patches, hiddenSize]`, the patches of a cell one after the other.
    ///   - cellWidth: Numbers of the patches of a cell.
    /// - Returns: `[cells, outputSize]`.
    func callAsFunction(_ x: Tensor, cellWidth: Int) -> Tensor {
        let shape = [x.count / cellWidth, cellWidth]
        let cells = normedRow == .patch ? norm(x).reshaped(shape) : norm(x.reshaped(shape))
        return second(Activation.apply(.gelu, first(cells)))
    }
}
