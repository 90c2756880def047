import CKernels

extension RowArithmetic {
    /// Adds a run of rows to another, number by number.
    ///
    /// - Parameters:
    ///   - y: `[rows, columns]`.
    ///   - range: The rows of `y` to add.
    ///   - x: `[rows, columns]`, changed in place.
    ///   - first: The row of `x` that the first of them is added to.
    package static func accumulate(_ y: Tensor, rows range: Range<Int>, into x: inout Tensor, at first: Int) {
        let columns = y.columnCount
        precondition(
            x.columnCount == columns && range.lowerBound >= 0 && range.upperBound <= y.rowCount
                && first >= 0 && first + range.count <= x.rowCount,
            "rows \(range) of \(y.shape) do not fit \(x.shape) at row \(first)"
        )
        unsafe y.withUnsafeBuffer { source in
            unsafe x.withUnsafeMutableBuffer { target in
                guard let source = source.baseAddress, let to = target.baseAddress else { return }
                unsafe ck_accumulate_f32(
                    to + first * columns,
                    source + range.lowerBound * columns,
                    range.count * columns
                )
            }
        }
    }
}
