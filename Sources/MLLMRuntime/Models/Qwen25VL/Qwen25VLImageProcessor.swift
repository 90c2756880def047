extension ImageProcessor.Defaults {
    /// Qwen2.5-VL takes the processor of Qwen2-VL.
    static let qwen25VL = ImageProcessor.Defaults.qwen2VL
}
