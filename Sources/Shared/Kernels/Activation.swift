import CKernels

/// The nonlinear functions that the supported models apply to single numbers.
package enum ActivationKind: String, Sendable, CaseIterable {
    /// x · sigmoid(x).
    case silu
    /// ½ x (1 + erf(x / √2)).
    case gelu
    /// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    case geluTanh
    /// x · sigmoid(1.702 x).
    case quickGELU
}

/// Applies an ``ActivationKind`` and its derivative to rows of numbers.
///
/// Source: the formulas of `torch.nn.functional.silu` and `gelu`, and `QuickGELUActivation` of huggingface/transformers.
package enum Activation {
    /// The function of every number of `x`.
    ///
    /// - Returns: A tensor of the shape of `x`.
    package static func apply(_ kind: ActivationKind, _ x: Tensor) -> Tensor {
        unsafe x.withUnsafeBuffer { source in
            unsafe Tensor(x.shape) { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                let width = x.columnCount
                nonisolated(unsafe) let pointers = unsafe (from, to)
                RowBlocks.forEach(x.rowCount, width: width) { range in
                    let (from, to) = unsafe pointers
                    let (first, count) = (range.lowerBound * width, range.count * width)
                    unsafe apply(
                        kind,
                        from + first,
                        stride: count,
                        into: to + first,
                        stride: count,
                        rows: 1,
                        width: count
                    )
                }
            }
        }
    }

    /// Numbers of a block that is computed beside its place: few enough to stay in a core's cache.
    private static let numbersAtATime = 1 << 14

    /// Puts the function of every number in the number's place.
    package static func apply(_ kind: ActivationKind, to x: inout Tensor) {
        let count = x.count
        unsafe x.withUnsafeMutableBuffer { buffer in
            guard let base = buffer.baseAddress else { return }
            nonisolated(unsafe) let numbers = unsafe base
            RowBlocks.forEach(count, width: 1) { range in
                unsafe forEachBlock(range, width: 1) { block, result, _ in
                    unsafe apply(
                        kind,
                        numbers + block.lowerBound,
                        stride: block.count,
                        into: result,
                        stride: block.count,
                        rows: 1,
                        width: block.count
                    )
                    unsafe (numbers + block.lowerBound).update(from: result, count: block.count)
                }
            }
        }
    }

    /// Multiplies a derivative by the function's outputs with the function's slopes, which makes it one by the inputs.
    ///
    /// - Parameters:
    ///   - kind: The function.
    ///   - x: Its inputs, `[rows, width]`.
    ///   - gradient: As many numbers.
    package static func multiplySlopes(_ kind: ActivationKind, at x: ProductRows, into gradient: inout Tensor)
    {
        precondition(
            gradient.count == x.rowCount * x.columnCount,
            "gradient \(gradient.shape) does not fit [\(x.rowCount), \(x.columnCount)]"
        )
        let width = x.columnCount
        unsafe gradient.withUnsafeMutableBuffer { buffer in
            guard let base = buffer.baseAddress else { return }
            nonisolated(unsafe) let slopes = unsafe base
            RowBlocks.forEach(x.rowCount, width: width) { range in
                unsafe forEachBlock(range, width: width) { rows, result, scratch in
                    let place = unsafe slopes + rows.lowerBound * width
                    unsafe x.withFloats(rows: rows, columns: 0..<width, scratch: scratch) { from, stride in
                        unsafe backward(
                            kind,
                            from,
                            stride: stride,
                            gradient: place,
                            stride: width,
                            into: result,
                            stride: width,
                            rows: rows.count,
                            width: width,
                            adds: false
                        )
                    }
                    unsafe place.update(from: result, count: rows.count * width)
                }
            }
        }
    }

    /// Cuts a range of rows into blocks and lends two of their size to each.
    private static func forEachBlock(
        _ rows: Range<Int>,
        width: Int,
        _ body: (
            _ rows: Range<Int>, _ result: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
        ) -> Void
    ) {
        let height = max(1, numbersAtATime / max(1, width))
        unsafe WorkMemory.withBytes(2 * height * width * MemoryLayout<Float>.stride) { raw in
            let floats = unsafe raw.assumingMemoryBound(to: Float.self)
            for first in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
                unsafe body(first..<min(first + height, rows.upperBound), floats, floats + height * width)
            }
        }
    }

    /// `y = f(x)` on rows of plain memory; the rows of either side may lie inside wider rows.
    ///
    /// - Parameters:
    ///   - kind: The function.
    ///   - x: `rows` rows of `width` numbers.
    ///   - xStride: Distance of two rows of `x`.
    ///   - y: Overwritten; does not overlap `x`.
    ///   - yStride: Distance of two rows of `y`.
    ///   - rows: How many rows.
    ///   - width: Numbers of a row.
    package static func apply(
        _ kind: ActivationKind,
        _ x: UnsafePointer<Float>,
        stride xStride: Int,
        into y: UnsafeMutablePointer<Float>,
        stride yStride: Int,
        rows: Int,
        width: Int
    ) {
        switch kind {
        case .silu: unsafe ck_silu_f32(x, xStride, y, yStride, rows, width)
        case .gelu: unsafe ck_gelu_erf_f32(x, xStride, y, yStride, rows, width)
        case .geluTanh: unsafe ck_gelu_tanh_f32(x, xStride, y, yStride, rows, width)
        case .quickGELU: unsafe ck_quick_gelu_f32(x, xStride, y, yStride, rows, width)
        }
    }

    /// `dx = g · f'(x)`, or `dx += g · f'(x)`, on rows of plain memory.
    ///
    /// - Parameters:
    ///   - kind: The function that made the output.
    ///   - x: The function's input, `rows` rows of `width` numbers.
    ///   - xStride: Distance of two rows of `x`.
    ///   - gradient: The loss's derivative by the output.
    ///   - gradientStride: Distance of two rows of `gradient`.
    ///   - dx: Receives the loss's derivative by `x`; overlaps neither input.
    ///   - dxStride: Distance of two rows of `dx`.
    ///   - rows: How many rows.
    ///   - width: Numbers of a row.
    ///   - adds: Whether to add to what `dx` holds.
    package static func backward(
        _ kind: ActivationKind,
        _ x: UnsafePointer<Float>,
        stride xStride: Int,
        gradient: UnsafePointer<Float>,
        stride gradientStride: Int,
        into dx: UnsafeMutablePointer<Float>,
        stride dxStride: Int,
        rows: Int,
        width: Int,
        adds: Bool
    ) {
        let flag: Int32 = adds ? 1 : 0
        switch kind {
        case .silu:
            unsafe ck_silu_backward_f32(x, xStride, gradient, gradientStride, dx, dxStride, rows, width, flag)
        case .gelu:
            unsafe ck_gelu_erf_backward_f32(
                x,
                xStride,
                gradient,
                gradientStride,
                dx,
                dxStride,
                rows,
                width,
                flag
            )
        case .geluTanh:
            unsafe ck_gelu_tanh_backward_f32(
                x,
                xStride,
                gradient,
                gradientStride,
                dx,
                dxStride,
                rows,
                width,
                flag
            )
        case .quickGELU:
            unsafe ck_quick_gelu_backward_f32(
                x,
                xStride,
                gradient,
                gradientStride,
                dx,
                dxStride,
                rows,
                width,
                flag
            )
        }
    }
}
