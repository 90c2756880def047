extension DecoderConfiguration.Traits {
    /// The decoder of Qwen2-VL: Qwen2 with positions of three numbers.
    ///
    /// Source: huggingface/transformers 5.23.0, `models/qwen2_vl/modeling_qwen2_vl.py`.
    static let qwen2VL = DecoderConfiguration.Traits(
        hasBias: true,
        normalizesHeads: false,
        ropeLayout: .chunked,
        defaultHeadDimension: nil,
        defaultRopeSections: nil,
        defaultNormEpsilon: 1e-5
    )
}
