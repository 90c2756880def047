import CKernels

extension LayerNorm {
    /// `y = (x − mean(x)) / √(variance(x) + ε) · weight + bias` for every row.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`.
    ///   - weight: `[columns]`.
    ///   - bias: `[columns]`.
    ///   - epsilon: ε.
    /// - Returns: A tensor of the shape of `x`; a row's bits depend on that row alone.
    ///
    /// Source: Ba et al., arXiv:1607.06450.
    package static func apply(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        let (rows, columns) = (x.rowCount, x.columnCount)
        precondition(
            weight.count == columns && bias.count == columns,
            "weight \(weight.shape) and bias \(bias.shape) do not fit rows of \(x.shape)"
        )
        return unsafe x.withUnsafeBuffer { source in
            unsafe weight.withUnsafeBuffer { factors in
                unsafe bias.withUnsafeBuffer { summands in
                    unsafe Tensor(x.shape) { target in
                        guard let source = source.baseAddress, let factors = factors.baseAddress,
                            let summands = summands.baseAddress, let target = target.baseAddress
                        else { return }
                        nonisolated(unsafe) let pointers = unsafe (source, factors, summands, target)
                        RowBlocks.forEach(rows, width: columns) { range in
                            let (source, factors, summands, target) = unsafe pointers
                            let first = range.lowerBound * columns
                            unsafe ck_layer_norm_affine_f32(
                                source + first,
                                factors,
                                summands,
                                target + first,
                                range.count,
                                columns,
                                epsilon
                            )
                        }
                    }
                }
            }
        }
    }

    /// The norm of rows as the left side of products, with the numbers of ``apply(_:weight:bias:epsilon:)``.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`.
    ///   - weight: `[columns]`.
    ///   - bias: `[columns]`.
    ///   - epsilon: Added to the variance.
    ///   - precision: Of the products.
    /// - Returns: `[rows, columns]`.
    package static func productRows(
        _ x: Tensor,
        weight: Tensor,
        bias: Tensor,
        epsilon: Float,
        for precision: Precision
    ) -> ProductRows {
        guard precision != .float32 else {
            return ProductRows(apply(x, weight: weight, bias: bias, epsilon: epsilon), for: precision)
        }
        let columns = x.columnCount
        precondition(
            weight.count == columns && bias.count == columns,
            "weight \(weight.shape) and bias \(bias.shape) do not fit rows of \(x.shape)"
        )
        return ProductRows(
            unsafe NarrowRows(rowCount: x.rowCount, columnCount: columns, precision: precision) { rows, out in
                unsafe x.withUnsafeBuffer { source in
                    unsafe weight.withUnsafeBuffer { factors in
                        unsafe bias.withUnsafeBuffer { bias in
                            guard let source = source.baseAddress, let factors = factors.baseAddress,
                                let bias = bias.baseAddress
                            else { return }
                            let first = unsafe source + rows.lowerBound * columns
                            unsafe ck_layer_norm_affine_f32(
                                first,
                                factors,
                                bias,
                                out,
                                rows.count,
                                columns,
                                epsilon
                            )
                        }
                    }
                }
            }
        )
    }
}
