/// Compares what a GPTQ configuration says with what the tensors hold.
///
/// Kernels of different programs believe one or the other, so a contradiction would give each its own numbers; it is an
/// error here.
///
/// Source: AutoGPTQ/AutoGPTQ 0.7.1, `auto_gptq/nn_modules/qlinear/qlinear_cuda.py` (zeros stored less one);
/// ModelCloud/GPTQModel, format `gptq_v2` (zeros stored as they are); symmetric zeros are 8 in both.
struct GPTQCheck {
    /// The zero point of a symmetric scheme of four bits.
    private static let middle: UInt8 = 8

    let claims: WeightQuantization.GPTQClaims
    /// What is added to a stored zero under the format that the configuration names.
    let zeroOffset: Int

    /// Checks one layer.
    ///
    /// - Parameters:
    ///   - zeros: `[groups, outputs / 8]`.
    ///   - groupOfInput: Group of every input.
    ///   - groupLength: Inputs of a group.
    ///   - indices: The tensor that gives the groups, when there is one.
    /// - Throws: `WeightError.contradiction` that names the tensor and the field.
    func check(
        _ zeros: StoredTensor,
        groupOfInput: [Int32],
        groupLength: Int,
        indices: StoredTensor?
    ) throws(WeightError) {
        if let indices, claims.isReordered == false,
            groupOfInput.enumerated().contains(where: { Int($0.element) != $0.offset / groupLength })
        {
            throw .contradiction(
                name: indices.name,
                reason: "puts inputs out of the order of their groups, but desc_act is false",
                remedy: "set desc_act in the quantization_config as the checkpoint was made"
            )
        }
        let stored = unsafe zeros.bytes.withUnsafeBytes { bytes in
            unsafe Set(bytes.flatMap { [$0 & 15, $0 >> 4] })
        }
        let offset = UInt8(zeroOffset)
        let isSymmetric = stored == [Self.middle - offset]
        // The zeros that a symmetric layer has under the other format's name.
        let isOfOtherFormat = stored == [Self.middle - (1 - offset)]
        let (own, other) = offset == 1 ? ("gptq", "gptq_v2") : ("gptq_v2", "gptq")
        if isOfOtherFormat {
            throw .contradiction(
                name: zeros.name,
                reason:
                    "holds zero points that are symmetric in the layout \(other), but the format is \(own)",
                remedy: "set checkpoint_format to \"\(other)\" in the quantization_config"
            )
        }
        if claims.isSymmetric == true, !isSymmetric, !stored.isEmpty {
            throw .contradiction(
                name: zeros.name,
                reason: "holds zero points other than 8, but sym is true",
                remedy:
                    "set sym to false in the quantization_config, or take the checkpoint that belongs to it"
            )
        }
    }
}
