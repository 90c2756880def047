extension ImageProcessor.Defaults {
    /// Qwen2-VL and Qwen2.5-VL: the constants of CLIP, and the areas of the processor's class.
    ///
    /// Source: huggingface/transformers 5.23.0, `models/qwen2_vl/image_processing_pil_qwen2_vl.py`,
    /// `image_utils.py`.
    static let qwen2VL = ImageProcessor.Defaults(
        minimumPixels: 56 * 56,
        maximumPixels: 28 * 28 * 1280,
        mean: [0.48145466, 0.4578275, 0.40821073],
        standardDeviation: [0.26862954, 0.26130258, 0.27577711]
    )
}
