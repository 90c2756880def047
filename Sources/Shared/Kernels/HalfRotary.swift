import CKernels

/// Rotary position embedding that pairs the first half of a head with its second half.
///
/// With s = dimension / 2, elements j and j + s become `(x_j·cos_j − x_{j+s}·sin_j, x_{j+s}·cos_j +
/// x_j·sin_j)`.
///
/// Source: Su et al., arXiv:2104.09864, in the order of elements of `rotate_half` in
/// huggingface/transformers.
package enum HalfRotary {
    /// Rotates heads in place.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`; the heads are its first `headCount · headDimension` columns, the rest is
    ///     left alone.
    ///   - cosines: `[rows, headDimension / 2]`.
    ///   - sines: `[rows, headDimension / 2]`.
    ///   - headCount: How many heads lie side by side.
    ///   - headDimension: Numbers of a head, even.
    package static func apply(
        _ x: inout Tensor,
        cosines: Tensor,
        sines: Tensor,
        headCount: Int,
        headDimension: Int
    ) {
        let (rows, columns) = (x.rowCount, x.columnCount)
        precondition(
            headDimension % 2 == 0 && headCount * headDimension <= columns
                && cosines.shape == [rows, headDimension / 2] && sines.shape == cosines.shape,
            "\(headCount) heads of \(headDimension) in \(x.shape) do not fit angles \(cosines.shape)"
        )
        unsafe cosines.withUnsafeBuffer { cosines in
            unsafe sines.withUnsafeBuffer { sines in
                unsafe x.withUnsafeMutableBuffer { target in
                    guard let cosines = cosines.baseAddress, let sines = sines.baseAddress,
                        let target = target.baseAddress
                    else { return }
                    nonisolated(unsafe) let pointers = unsafe (target, cosines, sines)
                    RowBlocks.forEach(rows, width: headCount * headDimension) { range in
                        let (target, cosines, sines) = unsafe pointers
                        let (first, half) = (range.lowerBound, headDimension / 2)
                        unsafe ck_half_rotary_f32(
                            target + first * columns,
                            columns,
                            cosines + first * half,
                            sines + first * half,
                            range.count,
                            headCount,
                            headDimension
                        )
                    }
                }
            }
        }
    }
}
