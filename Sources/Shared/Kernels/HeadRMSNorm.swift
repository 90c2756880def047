import CKernels

/// RMS norm over the channels of one attention head: `y = weight · x / √(mean(x²) + ε)`.
package enum HeadRMSNorm {
    /// Normalises rows of plain memory.
    ///
    /// - Parameters:
    ///   - x: `rows` rows of `width` numbers.
    ///   - xStride: Distance of two rows of `x`.
    ///   - weight: `[width]`.
    ///   - y: Overwritten; does not overlap `x`.
    ///   - yStride: Distance of two rows of `y`.
    ///   - rows: How many rows.
    ///   - width: Channels of the head.
    ///   - epsilon: Added to the mean square.
    package static func apply(
        _ x: UnsafePointer<Float>,
        stride xStride: Int,
        weight: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>,
        stride yStride: Int,
        rows: Int,
        width: Int,
        epsilon: Float
    ) {
        unsafe ck_head_rms_norm_f32(x, xStride, weight, y, yStride, rows, width, epsilon)
    }

    /// Writes or adds the derivative by `x`.
    ///
    /// - Parameters:
    ///   - x: Input of the forward pass.
    ///   - xStride: Distance of two rows of `x`.
    ///   - weight: `[width]`.
    ///   - gradient: Derivative by the output.
    ///   - gradientStride: Distance of two rows of `gradient`.
    ///   - dx: Receives the derivative.
    ///   - dxStride: Distance of two rows of `dx`.
    ///   - rows: How many rows.
    ///   - width: Channels of the head.
    ///   - epsilon: That of the forward pass.
    ///   - adds: Whether to add to what `dx` holds.
    package static func backward(
        _ x: UnsafePointer<Float>,
        stride xStride: Int,
        weight: UnsafePointer<Float>,
        gradient: UnsafePointer<Float>,
        stride gradientStride: Int,
        into dx: UnsafeMutablePointer<Float>,
        stride dxStride: Int,
        rows: Int,
        width: Int,
        epsilon: Float,
        adds: Bool
    ) {
        unsafe ck_head_rms_norm_backward_f32(
            x,
            xStride,
            weight,
            gradient,
            gradientStride,
            dx,
            dxStride,
            rows,
            width,
            epsilon,
            adds ? 1 : 0
        )
    }

    /// Adds the derivative by the weight.
    ///
    /// - Parameters:
    ///   - gradient: Derivative by the output.
    ///   - gradientStride: Distance of two rows of `gradient`.
    ///   - x: Input of the forward pass.
    ///   - xStride: Distance of two rows of `x`.
    ///   - sum: `[width]`.
    ///   - rows: How many rows.
    ///   - width: Channels of the head.
    ///   - epsilon: That of the forward pass.
    package static func addWeightGradient(
        _ gradient: UnsafePointer<Float>,
        stride gradientStride: Int,
        x: UnsafePointer<Float>,
        stride xStride: Int,
        to sum: UnsafeMutablePointer<Float>,
        rows: Int,
        width: Int,
        epsilon: Float
    ) {
        unsafe ck_head_rms_norm_weight_f32(x, xStride, gradient, gradientStride, sum, rows, width, epsilon)
    }
}
