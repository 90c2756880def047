import CKernels

/// A four-bit matrix in the words of AWQ or GPTQ, with its scales and zeros, all in mapped files.
///
/// A weight is (q - zero) × scale, rounded to the type of the scales: the reference decoders multiply in that type
/// (float16 in all published checkpoints), so this equals their result bit for bit.
///
/// Sources: `awq/utils/packing_utils.py` (`dequantize_gemm`) in casper-hansen/AutoAWQ 0.2.9;
/// `auto_gptq/nn_modules/qlinear/qlinear_cuda.py` in AutoGPTQ/AutoGPTQ 0.7.1, which adds 1 to the zeros of the first
/// format modulo 16.
struct PackedRows: Sendable {
    /// The order of the words.
    enum Layout: Sendable, Equatable {
        /// Eight outputs in a word: `[inputs, outputs / 8]`.
        case awq
        /// Eight inputs in a word: `[inputs / 8, outputs]`.
        case gptq
    }

    let layout: Layout
    let outputs: Int
    let inputs: Int
    /// `[groups, outputs / 8]`.
    let zeros: MappedBytes
    let words: MappedBytes
    /// `[groups, outputs]`.
    let scales: MappedBytes
    let scaleType: ScaleType
    /// Group of every input.
    let groups: [Int32]
    /// What is added to a stored zero, modulo 16.
    let zeroOffset: Int

    /// Bytes as stored.
    var byteCount: Int { words.range.count + zeros.range.count + scales.range.count }

    func unpack(rows: Range<Int>, into target: UnsafeMutablePointer<Float>, level: InstructionLevel) {
        unsafe words.withUnsafeBytes { words in
            unsafe zeros.withUnsafeBytes { zeros in
                unsafe scales.withUnsafeBytes { scales in
                    unsafe groups.withUnsafeBufferPointer { groups in
                        var packed = unsafe ck_packed_rows(
                            words: words.baseAddress,
                            zeros: zeros.baseAddress,
                            scales: scales.baseAddress,
                            groups: groups.baseAddress,
                            outputs: outputs,
                            inputs: inputs,
                            scale_type: scaleType.rawValue,
                            zero_offset: UInt32(zeroOffset)
                        )
                        let unpack = layout == .awq ? unsafe ck_unpack_awq_f32 : unsafe ck_unpack_gptq_f32
                        unsafe unpack(level.rawValue, &packed, target, rows.lowerBound, rows.count)
                    }
                }
            }
        }
    }
}

extension MappedBytes {
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try unsafe mapping.withUnsafeBytes(range, body)
    }
}
