import CKernels

/// Additions and dot products of whole rows.
package enum RowArithmetic {
    /// Numbers of a compressed matrix that are unpacked at a time for ``dots(_:rows:with:)-(WeightMatrix,_,_)``: few
    /// enough to stay in a core's cache.
    private static let numbersAtATime = 1 << 16

    /// `x[r] += bias` for every row.
    ///
    /// - Parameters:
    ///   - bias: `[columns]`.
    ///   - x: `[rows, columns]`.
    package static func addBias(_ bias: Tensor, to x: inout Tensor) {
        let (rows, columns) = (x.rowCount, x.columnCount)
        precondition(bias.count == columns, "bias \(bias.shape) does not fit rows of \(x.shape)")
        unsafe bias.withUnsafeBuffer { bias in
            unsafe x.withUnsafeMutableBuffer { target in
                guard let bias = bias.baseAddress, let target = target.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (target, bias)
                RowBlocks.forEach(rows, width: columns) { range in
                    let (target, bias) = unsafe pointers
                    unsafe ck_add_bias_f32(target + range.lowerBound * columns, bias, range.count, columns)
                }
            }
        }
    }

    /// `x += y`, number by number.
    ///
    /// - Parameters:
    ///   - y: The shape of `x`.
    ///   - x: Changed in place.
    package static func accumulate(_ y: Tensor, into x: inout Tensor) {
        precondition(x.shape == y.shape, "\(x.shape) and \(y.shape) differ")
        let (rows, columns) = (x.rowCount, x.columnCount)
        unsafe y.withUnsafeBuffer { source in
            unsafe x.withUnsafeMutableBuffer { target in
                guard let source = source.baseAddress, let to = target.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (to, source)
                RowBlocks.forEach(rows, width: columns) { range in
                    let (to, source) = unsafe pointers
                    let first = range.lowerBound * columns
                    unsafe ck_accumulate_f32(to + first, source + first, range.count * columns)
                }
            }
        }
    }

    /// Dot products of one vector with rows of a matrix.
    ///
    /// The order of the additions depends on the column count alone, so a product has the same bits whichever
    /// other rows are asked for.
    ///
    /// - Parameters:
    ///   - matrix: `[rows, columns]`.
    ///   - range: The rows to take.
    ///   - x: `[columns]`.
    /// - Returns: `[range.count]`.
    package static func dots(_ matrix: Tensor, rows range: Range<Int>, with x: Tensor) -> [Float] {
        let columns = matrix.columnCount
        precondition(
            x.count == columns && range.lowerBound >= 0 && range.upperBound <= matrix.rowCount,
            "rows \(range) of \(matrix.shape) do not fit a vector \(x.shape)"
        )
        return unsafe [Float](unsafeUninitializedCapacity: range.count) { target, initializedCount in
            unsafe matrix.withUnsafeBuffer { matrix in
                unsafe x.withUnsafeBuffer { x in
                    guard let matrix = matrix.baseAddress, let x = x.baseAddress,
                        let target = target.baseAddress
                    else { return }
                    unsafe ck_row_dots_f32(
                        matrix + range.lowerBound * columns,
                        x,
                        target,
                        range.count,
                        columns
                    )
                }
            }
            initializedCount = range.count
        }
    }

    /// Dot products of one vector with rows of a matrix that may be stored in any format.
    ///
    /// The same bits as ``dots(_:rows:with:)-(Tensor,_,_)`` of the unpacked matrix. Runs on the calling thread.
    ///
    /// - Parameters:
    ///   - matrix: `[rows, columns]`.
    ///   - range: The rows to take.
    ///   - x: `[columns]`.
    /// - Returns: `[range.count]`.
    package static func dots(_ matrix: WeightMatrix, rows range: Range<Int>, with x: Tensor) -> [Float] {
        if let floats = matrix.floats {
            return dots(floats, rows: range, with: x)
        }
        let columns = matrix.columnCount
        precondition(
            x.count == columns && range.lowerBound >= 0 && range.upperBound <= matrix.rowCount,
            "rows \(range) of [\(matrix.rowCount), \(columns)] do not fit a vector \(x.shape)"
        )
        let height = max(1, min(range.count, numbersAtATime / max(1, columns)))
        return unsafe [Float](unsafeUninitializedCapacity: range.count) { target, initializedCount in
            unsafe x.withUnsafeBuffer { x in
                guard let x = x.baseAddress, let target = target.baseAddress else { return }
                unsafe UnpackScratch.withFloats(height * columns) { scratch in
                    for first in stride(from: range.lowerBound, to: range.upperBound, by: height) {
                        let part = first..<min(range.upperBound, first + height)
                        unsafe matrix.unpack(rows: part, into: scratch)
                        unsafe ck_row_dots_f32(
                            scratch,
                            x,
                            target + (first - range.lowerBound),
                            part.count,
                            columns
                        )
                    }
                }
            }
            initializedCount = range.count
        }
    }
}
