extension DecoderConfiguration.Traits {
    /// The decoder of dense Qwen3-VL: Qwen3 with positions of three numbers.
    ///
    /// Source: huggingface/transformers 5.23.0, `models/qwen3_vl/{configuration,modeling}_qwen3_vl.py`.
    static let qwen3VL = DecoderConfiguration.Traits(
        hasBias: false,
        normalizesHeads: true,
        ropeLayout: .interleaved,
        defaultHeadDimension: 128,
        defaultRopeSections: [24, 20, 20],
        defaultNormEpsilon: 1e-6
    )
}
