import CKernels

/// `softmax(q kᵀ / √width) v` of one head without a mask, in tiles that stay in the cache.
///
/// Works on plain memory with rows ``rowStride(width:)`` apart whose numbers beyond the head's width are zero. The
/// backward pass recomputes the weights from the logarithm of each row's sum; no tokens × tokens matrix is kept.
package enum TokenAttention {
    /// Distance of two rows for a head of `width` channels: the next multiple of 16.
    package static func rowStride(width: Int) -> Int {
        (width + 15) / 16 * 16
    }

    /// How many floats of scratch a call needs.
    package static func scratchCount(queries: Int, stride: Int, precision: Precision = .float32) -> Int {
        precision == .float32
            ? ck_token_attention_scratch_f32(stride) : ck_token_attention_scratch_bf16(queries, stride)
    }

    /// Computes one head.
    ///
    /// - Parameters:
    ///   - q: `[queries, stride]`.
    ///   - k: `[keys, stride]`.
    ///   - v: `[keys, stride]`.
    ///   - o: `[queries, stride]`, overwritten.
    ///   - logSums: `[queries]`, receives the logarithm of every row's sum of exponentials.
    ///   - queries: How many queries.
    ///   - keys: How many keys, at least one.
    ///   - width: Channels of the head.
    ///   - precision: Float32, or bfloat16 for all others: the factors of every product are rounded to it where the CPU
    ///     multiplies it; sums and the softmax stay float32.
    ///   - scratch: ``scratchCount(queries:stride:precision:)`` floats.
    package static func forward(
        _ q: UnsafePointer<Float>,
        _ k: UnsafePointer<Float>,
        _ v: UnsafePointer<Float>,
        into o: UnsafeMutablePointer<Float>,
        logSums: UnsafeMutablePointer<Float>,
        queries: Int,
        keys: Int,
        width: Int,
        precision: Precision = .float32,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let scale = 1 / Float(width).squareRoot()
        let kernel = unsafe precision == .float32 ? ck_token_attention_f32 : ck_token_attention_bf16
        unsafe kernel(
            q,
            k,
            v,
            o,
            logSums,
            queries,
            keys,
            rowStride(width: width),
            scale,
            scratch
        )
    }

    /// Computes the derivatives of one head.
    ///
    /// - Parameters:
    ///   - gradient: Derivative by `o`, `[queries, stride]`.
    ///   - q: Input of the forward pass.
    ///   - k: Input of the forward pass.
    ///   - v: Input of the forward pass.
    ///   - o: Output of the forward pass.
    ///   - logSums: What the forward pass wrote.
    ///   - dq: `[queries, stride]`, overwritten.
    ///   - dk: `[keys, stride]`, overwritten.
    ///   - dv: `[keys, stride]`, overwritten.
    ///   - queries: How many queries, at least one.
    ///   - keys: How many keys, at least one.
    ///   - width: Channels of the head.
    ///   - precision: Float32, or bfloat16 for all others: the factors of every product are rounded to it where the CPU
    ///     multiplies it; sums and the softmax stay float32.
    ///   - scratch: ``scratchCount(queries:stride:precision:)`` floats.
    package static func backward(
        _ gradient: UnsafePointer<Float>,
        _ q: UnsafePointer<Float>,
        _ k: UnsafePointer<Float>,
        _ v: UnsafePointer<Float>,
        _ o: UnsafePointer<Float>,
        logSums: UnsafePointer<Float>,
        intoQ dq: UnsafeMutablePointer<Float>,
        intoK dk: UnsafeMutablePointer<Float>,
        intoV dv: UnsafeMutablePointer<Float>,
        queries: Int,
        keys: Int,
        width: Int,
        precision: Precision = .float32,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let scale = 1 / Float(width).squareRoot()
        let kernel =
            unsafe precision == .float32
            ? ck_token_attention_backward_f32 : ck_token_attention_backward_bf16
        unsafe kernel(
            q,
            k,
            v,
            o,
            logSums,
            gradient,
            dq,
            dk,
            dv,
            queries,
            keys,
            rowStride(width: width),
            scale,
            scratch
        )
    }
}
