import CKernels

/// Root-mean-square normalisation of rows.
///
/// Source: Zhang and Sennrich, arXiv:1910.07467, equation 4.
package enum RMSNorm {
    /// `y = x / √(mean(x²) + ε) · weight` for every row.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`.
    ///   - weight: `[columns]`.
    ///   - epsilon: ε.
    /// - Returns: A tensor of the shape of `x`.
    package static func apply(_ x: Tensor, weight: Tensor, epsilon: Float) -> Tensor {
        let (rows, columns) = (x.rowCount, x.columnCount)
        precondition(weight.count == columns, "weight \(weight.shape) does not fit rows of \(x.shape)")
        return unsafe x.withUnsafeBuffer { source in
            unsafe weight.withUnsafeBuffer { factors in
                unsafe Tensor(x.shape) { target in
                    guard let source = source.baseAddress, let factors = factors.baseAddress,
                        let target = target.baseAddress
                    else { return }
                    nonisolated(unsafe) let pointers = unsafe (source, factors, target)
                    RowBlocks.forEach(rows, width: columns) { range in
                        let (source, factors, target) = unsafe pointers
                        let first = range.lowerBound * columns
                        unsafe ck_rms_norm_f32(
                            source + first,
                            factors,
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

    /// The norm of rows as the left side of products, with the numbers of ``apply(_:weight:epsilon:)``.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`.
    ///   - weight: `[columns]`.
    ///   - epsilon: ε.
    ///   - precision: Of the products.
    /// - Returns: `[rows, columns]`.
    package static func productRows(
        _ x: Tensor,
        weight: Tensor,
        epsilon: Float,
        for precision: Precision
    ) -> ProductRows {
        guard precision != .float32 else {
            return ProductRows(apply(x, weight: weight, epsilon: epsilon), for: precision)
        }
        let columns = x.columnCount
        precondition(weight.count == columns, "weight \(weight.shape) does not fit rows of \(x.shape)")
        return ProductRows(
            unsafe NarrowRows(rowCount: x.rowCount, columnCount: columns, precision: precision) { rows, out in
                unsafe x.withUnsafeBuffer { source in
                    unsafe weight.withUnsafeBuffer { factors in
                        guard let source = source.baseAddress, let factors = factors.baseAddress else {
                            return
                        }
                        let first = unsafe source + rows.lowerBound * columns
                        unsafe ck_rms_norm_f32(first, factors, out, rows.count, columns, epsilon)
                    }
                }
            }
        )
    }

    /// The derivative by the weight.
    ///
    /// - Parameters:
    ///   - gradient: Derivative by the output, `[rows, columns]`.
    ///   - x: Input of the forward pass.
    ///   - epsilon: ε.
    /// - Returns: `[columns]`.
    package static func weightGradient(_ gradient: Tensor, x: Tensor, epsilon: Float) -> Tensor {
        let (rows, columns) = (x.rowCount, x.columnCount)
        precondition(gradient.count == x.count, "gradient \(gradient.shape) does not fit \(x.shape)")
        var sum = Tensor(zeros: [columns])
        unsafe sum.withUnsafeMutableBuffer { sum in
            unsafe gradient.withUnsafeBuffer { gradient in
                unsafe x.withUnsafeBuffer { x in
                    guard let sum = sum.baseAddress, let gradient = gradient.baseAddress,
                        let x = x.baseAddress
                    else { return }
                    unsafe HeadRMSNorm.addWeightGradient(
                        gradient,
                        stride: columns,
                        x: x,
                        stride: columns,
                        to: sum,
                        rows: rows,
                        width: columns,
                        epsilon: epsilon
                    )
                }
            }
        }
        return sum
    }
}
