extension DecoderConfiguration.Traits {
    /// The decoder of Qwen2.5-VL is that of Qwen2-VL.
    ///
    /// Source: huggingface/transformers 5.23.0, `models/qwen2_5_vl/modeling_qwen2_5_vl.py`.
    static let qwen25VL = DecoderConfiguration.Traits.qwen2VL
}
