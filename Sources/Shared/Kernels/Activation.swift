internal import CKernels

/// The nonlinear functions that the supported models apply to single numbers.
public enum ActivationKind: String, Sendable, CaseIterable {
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
public enum Activation {
    /// The function of every number of `x`.
    ///
    /// - Returns: A tensor of the shape of `x`.
    public static func apply(_ kind: ActivationKind, _ x: Tensor) -> Tensor {
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
    public static func apply(
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
    public static func backward(
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
