import CKernels

/// Cosines and sines by which attention turns the channel pairs of every token.
package struct RotaryTable: Sendable {
    /// `[tokens, pairs]`.
    package let cosine: Tensor
    /// `[tokens, pairs]`.
    package let sine: Tensor

    /// How many tokens the table covers.
    package var tokenCount: Int { cosine.rowCount }
    /// Channel pairs of a head.
    package var pairCount: Int { cosine.columnCount }

    /// Wraps a table; both tensors have the same shape.
    package init(cosine: Tensor, sine: Tensor) {
        precondition(cosine.shape == sine.shape, "\(cosine.shape) cosines and \(sine.shape) sines")
        self.cosine = cosine
        self.sine = sine
    }
}

/// Rotary positions on adjacent channels: `(a, b) → (a cos - b sin, a sin + b cos)` for channels `2i` and `2i + 1`.
package enum PairRotary {
    /// Turns rows in place.
    ///
    /// - Parameters:
    ///   - x: One row for each of `tokens`.
    ///   - stride: Distance of two rows.
    ///   - table: The angles.
    ///   - tokens: Which rows of the table belong to the rows of `x`.
    ///   - reversed: Whether to turn back, which is the backward pass.
    package static func turn(
        _ x: UnsafeMutablePointer<Float>,
        stride: Int,
        by table: RotaryTable,
        tokens: Range<Int>,
        reversed: Bool
    ) {
        precondition(
            tokens.upperBound <= table.tokenCount,
            "tokens \(tokens) are outside a table of \(table.tokenCount)"
        )
        let offset = tokens.lowerBound * table.pairCount
        unsafe table.cosine.withUnsafeBuffer { cosine in
            unsafe table.sine.withUnsafeBuffer { sine in
                guard let cosine = cosine.baseAddress, let sine = sine.baseAddress else { return }
                unsafe ck_pair_rotary_f32(
                    x,
                    stride,
                    cosine + offset,
                    sine + offset,
                    tokens.count,
                    table.pairCount,
                    reversed ? -1 : 1
                )
            }
        }
    }
}
