extension ImageProcessor.Defaults {
    /// Qwen3-VL: the values of its published preprocessor_config.json, since those of the processor's class
    /// belong to Qwen2-VL.
    static let qwen3VL = ImageProcessor.Defaults(
        minimumPixels: 65_536,
        maximumPixels: 16_777_216,
        mean: [0.5, 0.5, 0.5],
        standardDeviation: [0.5, 0.5, 0.5]
    )
}
