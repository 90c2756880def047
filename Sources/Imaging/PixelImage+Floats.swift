extension PixelImage {
    /// The samples as an autoencoder takes them: `2·(sample/255) − 1` in float32.
    ///
    /// Source: `pil_to_numpy`, `normalize` of VaeImageProcessor in `diffusers/image_processor.py` 0.42.1.
    ///
    /// - Returns: `[3, height, width]`, −1 to 1.
    package func rgbFloats() -> [Float] {
        let area = width * height
        let table = (0..<256).map { 2 * (Float($0) / 255) - 1 }
        return unsafe [Float](unsafeUninitializedCapacity: 3 * area) { output, initializedCount in
            unsafe pixels.withUnsafeBufferPointer { samples in
                for pixel in 0..<area {
                    for channel in 0..<3 {
                        unsafe output[channel * area + pixel] = table[Int(samples[3 * pixel + channel])]
                    }
                }
            }
            initializedCount = 3 * area
        }
    }

    /// Makes an image of an autoencoder's output: `clamp(value·0.5 + 0.5, 0, 1)·255`, halves to the even
    /// level.
    ///
    /// Source: `denormalize`, `numpy_to_pil` of VaeImageProcessor in `diffusers/image_processor.py` 0.42.1.
    ///
    /// - Parameters:
    ///   - rgbFloats: `[3, height, width]`, nominally −1 to 1.
    ///   - width: Width in pixels.
    ///   - height: Height in pixels.
    /// - Throws: ``PixelError`` for a wrong count, or a value that is not finite (diffusers would show it as
    ///   black).
    package init(rgbFloats: [Float], width: Int, height: Int) throws(PixelError) {
        let area = width * height
        guard width > 0, height > 0, rgbFloats.count == 3 * area else {
            throw .wrongCount(count: rgbFloats.count, width: width, height: height)
        }
        if let index = rgbFloats.firstIndex(where: { !$0.isFinite }) {
            throw .nonFinite(index: index)
        }
        var samples = [UInt8](repeating: 0, count: 3 * area)
        for channel in 0..<3 {
            for pixel in 0..<area {
                let level = min(max(rgbFloats[channel * area + pixel] * 0.5 + 0.5, 0), 1)
                samples[3 * pixel + channel] = UInt8((level * 255).rounded(.toNearestOrEven))
            }
        }
        self.init(width: width, height: height, pixels: samples)
    }
}
