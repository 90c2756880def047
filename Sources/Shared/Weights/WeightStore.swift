/// Where a model's weights come from, under the names of the file.
///
/// A quantised linear layer shows as one name: what a file keeps as `X.qweight`, `X.qzeros`, `X.scales` and `X.g_idx`,
/// or as `X.weight` and `X.weight_scale` or `X.weight_scale_inv`, is `X.weight`.
package protocol WeightStore: Sendable {
    /// The file or folder, for error messages.
    var path: String { get }

    /// All tensor names, sorted.
    var names: [String] { get }

    /// Bytes of all files together.
    var byteCount: Int { get }

    /// Logical shape of a tensor, `[outputs, inputs]` for a matrix; nil when the checkpoint does not hold it.
    func shape(of name: String) -> [Int]?

    /// How a tensor is stored; nil for a name or a type that is unknown.
    func format(of name: String) -> WeightFormat?

    /// Reads one tensor as float32 after checking its shape and that all its numbers are finite.
    ///
    /// - Parameters:
    ///   - name: Name in the checkpoint.
    ///   - shape: The shape that the configuration gives it.
    /// - Returns: The tensor, of shape `shape`.
    /// - Throws: ``WeightError`` that names the tensor.
    func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor

    /// Takes one matrix as it is stored, after checking its shape; its numbers are not looked at.
    ///
    /// - Parameters:
    ///   - name: Name in the checkpoint.
    ///   - shape: The shape that the configuration gives it; axes after the first form one row.
    /// - Returns: The matrix, `[shape[0], product of the other axes]`.
    /// - Throws: ``WeightError`` that names the tensor.
    func matrix(_ name: String, shape: [Int]) throws(WeightError) -> WeightMatrix
}

extension WeightStore {
    /// Looks at every number of every tensor: the work of `--check-weights`.
    ///
    /// - Throws: ``WeightError/nonFinite(name:)`` for the first tensor, by name, with a NaN or an infinity;
    ///   what ``matrix(_:shape:)`` throws.
    package func checkAllFinite() throws(WeightError) {
        for name in names {
            guard let shape = shape(of: name) else { continue }
            guard try matrix(name, shape: shape).isFinite else { throw .nonFinite(name: name) }
        }
    }
}
