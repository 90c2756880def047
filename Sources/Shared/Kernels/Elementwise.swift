import CKernels

/// Sums and products of rows on plain memory; operands do not overlap.
package enum Elementwise {
    /// Sets every row of `y`, `[rows, width]` with rows `stride` apart, to `row`.
    package static func fill(
        _ y: UnsafeMutablePointer<Float>,
        stride: Int,
        rows: Int,
        width: Int,
        with row: UnsafePointer<Float>
    ) {
        nonisolated(unsafe) let pointers = unsafe (row, y)
        RowBlocks.forEach(rows, width: width) { range in
            let (row, y) = unsafe pointers
            unsafe ck_fill_rows_f32(row, y + range.lowerBound * stride, stride, range.count, width)
        }
    }

    /// Adds the sum of the rows of `x`, `[rows, width]`, to `sum`, `[width]`.
    package static func addSumOfRows(
        _ x: UnsafePointer<Float>,
        stride: Int,
        rows: Int,
        width: Int,
        to sum: UnsafeMutablePointer<Float>
    ) {
        unsafe ck_sum_rows_f32(x, stride, sum, rows, width)
    }

    /// Adds the rows of `x` to those of `y`, both `[rows, width]`.
    package static func add(
        _ x: UnsafePointer<Float>,
        stride xStride: Int,
        to y: UnsafeMutablePointer<Float>,
        stride yStride: Int,
        rows: Int,
        width: Int
    ) {
        nonisolated(unsafe) let pointers = unsafe (x, y)
        RowBlocks.forEach(rows, width: width) { range in
            let (x, y) = unsafe pointers
            unsafe ck_add_rows_f32(
                x + range.lowerBound * xStride,
                xStride,
                y + range.lowerBound * yStride,
                yStride,
                range.count,
                width
            )
        }
    }

    /// The sum of two tensors of one shape.
    package static func sum(_ x: Tensor, _ y: Tensor) -> Tensor {
        scaledSum(1, x, 1, y)
    }

    /// `a · x + b · y` for two tensors of one shape; each number is rounded as fused or separate operations of the CPU do.
    package static func scaledSum(_ a: Float, _ x: Tensor, _ b: Float, _ y: Tensor) -> Tensor {
        precondition(x.shape == y.shape, "the sum of \(x.shape) and \(y.shape)")
        return unsafe x.withUnsafeBuffer { left in
            unsafe y.withUnsafeBuffer { right in
                unsafe Tensor(x.shape) { target in
                    guard let left = left.baseAddress, let right = right.baseAddress,
                        let to = target.baseAddress
                    else { return }
                    unsafe ck_scaled_sum_f32(a, left, b, right, to, target.count)
                }
            }
        }
    }

    /// `x + gate · f`, the gated residual.
    ///
    /// - Parameters:
    ///   - x: `[rows, width]`; the rows of a sample lie together.
    ///   - modulation: `[samples, k · width]`.
    ///   - gate: Which `width` columns of `modulation` are the gate.
    ///   - f: `[rows, width]`.
    /// - Returns: `[rows, width]`.
    package static func gatedSum(_ x: Tensor, modulation: Tensor, gate: Int, _ f: Tensor) -> Tensor {
        let (rows, width, stride) = (x.rowCount, x.columnCount, modulation.columnCount)
        let perSample = rowsPerSample(rows, modulation)
        precondition(f.count == x.count, "the gated sum of \(x.shape) and \(f.shape)")
        return unsafe x.withUnsafeBuffer { x in
            unsafe f.withUnsafeBuffer { f in
                unsafe modulation.withUnsafeBuffer { m in
                    unsafe Tensor([rows, width]) { y in
                        guard
                            rows > 0, let x = x.baseAddress, let f = f.baseAddress, let m = m.baseAddress,
                            let y = y.baseAddress
                        else { return }
                        nonisolated(unsafe) let pointers = unsafe (x, f, m, y)
                        RowBlocks.forEach(rows, width: width, group: perSample) { range in
                            let (x, f, m, y) = unsafe pointers
                            let first = range.lowerBound
                            unsafe ck_gated_sum_f32(
                                x + first * width,
                                m + first / perSample * stride + gate * width,
                                stride,
                                f + first * width,
                                y + first * width,
                                range.count,
                                perSample,
                                width
                            )
                        }
                    }
                }
            }
        }
    }

    /// `gate · g`, the derivative of ``gatedSum(_:modulation:gate:_:)`` by `f`.
    ///
    /// - Returns: `[rows, width]`.
    package static func gated(_ gradient: Tensor, modulation: Tensor, gate: Int) -> Tensor {
        let (rows, width, stride) = (gradient.rowCount, gradient.columnCount, modulation.columnCount)
        let perSample = rowsPerSample(rows, modulation)
        return unsafe gradient.withUnsafeBuffer { g in
            unsafe modulation.withUnsafeBuffer { m in
                unsafe Tensor([rows, width]) { y in
                    guard rows > 0, let g = g.baseAddress, let m = m.baseAddress, let y = y.baseAddress
                    else { return }
                    nonisolated(unsafe) let pointers = unsafe (g, m, y)
                    RowBlocks.forEach(rows, width: width, group: perSample) { range in
                        let (g, m, y) = unsafe pointers
                        let first = range.lowerBound
                        unsafe ck_gated_rows_f32(
                            m + first / perSample * stride + gate * width,
                            stride,
                            g + first * width,
                            y + first * width,
                            range.count,
                            perSample,
                            width
                        )
                    }
                }
            }
        }
    }

    /// Adds the derivative of ``gatedSum(_:modulation:gate:_:)`` by the gate to its columns of `dModulation`.
    ///
    /// - Parameters:
    ///   - gradient: Derivative by the output, `[rows, width]`.
    ///   - f: Input of the forward pass.
    ///   - gate: Which `width` columns are the gate.
    ///   - dModulation: `[samples, k · width]`.
    package static func gateBackward(_ gradient: Tensor, f: Tensor, gate: Int, into dModulation: inout Tensor)
    {
        let (rows, width, stride) = (gradient.rowCount, gradient.columnCount, dModulation.columnCount)
        let perSample = rowsPerSample(rows, dModulation)
        unsafe dModulation.withUnsafeMutableBuffer { target in
            unsafe gradient.withUnsafeBuffer { g in
                unsafe f.withUnsafeBuffer { f in
                    guard rows > 0, let g = g.baseAddress, let f = f.baseAddress, let to = target.baseAddress
                    else { return }
                    unsafe ck_gate_backward_f32(f, g, to + gate * width, stride, rows, perSample, width)
                }
            }
        }
    }

    private static func rowsPerSample(_ rows: Int, _ modulation: Tensor) -> Int {
        let samples = modulation.rowCount
        precondition(
            samples > 0 && rows % samples == 0,
            "\(rows) rows do not divide into the samples of modulation \(modulation.shape)"
        )
        return max(1, rows / samples)
    }
}
