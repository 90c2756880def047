import CKernels

/// The gate of a SwiGLU layer.
///
/// Source: Shazeer, arXiv:2002.05202, section 2.
package enum GatedSiLU {
    /// `gate · sigmoid(gate) · up`, number by number.
    ///
    /// - Parameters:
    ///   - gate: Any shape.
    ///   - up: The same shape.
    /// - Returns: A tensor of that shape.
    package static func apply(gate: Tensor, up: Tensor) -> Tensor {
        precondition(gate.shape == up.shape, "gate \(gate.shape) and up \(up.shape) differ")
        return unsafe gate.withUnsafeBuffer { left in
            unsafe up.withUnsafeBuffer { right in
                unsafe Tensor(gate.shape) { target in
                    guard let left = left.baseAddress, let right = right.baseAddress,
                        let to = target.baseAddress
                    else { return }
                    let width = gate.columnCount
                    nonisolated(unsafe) let pointers = unsafe (left, right, to)
                    RowBlocks.forEach(gate.rowCount, width: width) { range in
                        let (left, right, to) = unsafe pointers
                        let first = range.lowerBound * width
                        unsafe ck_gated_silu_f32(left + first, right + first, to + first, range.count * width)
                    }
                }
            }
        }
    }
}
