/// How a tensor's numbers are stored in a file.
package enum ElementType: String, Sendable, CaseIterable {
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The upper half of a single-precision number.
    case bfloat16 = "BF16"

    /// Bytes of one number.
    package var byteCount: Int {
        self == .float32 ? 4 : 2
    }
}

/// Conversions between bfloat16 and float32.
package enum BFloat16 {
    /// The nearest bfloat16, ties to even; NaN stays a quiet NaN.
    package static func bits(_ value: Float) -> UInt16 {
        let pattern = value.bitPattern
        if value.isNaN {
            return UInt16(truncatingIfNeeded: pattern >> 16) | 0x0040
        }
        return UInt16(truncatingIfNeeded: (pattern &+ 0x7FFF &+ ((pattern >> 16) & 1)) >> 16)
    }

    /// The exact float32 value of a bfloat16.
    package static func value(_ bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }
}
