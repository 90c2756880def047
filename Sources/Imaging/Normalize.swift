/// From 8-bit samples to the floats that a model was trained on: `(sample · rescale − mean) / deviation` by
/// channel.
///
/// The arithmetic is that of transformers' Pillow path, bit for bit: the product in double precision, rounded
/// to float32; difference and quotient in float32. (Its torchvision path folds the two steps and differs in
/// last bits.)
///
/// Source: `rescale`, `normalize` in `transformers/image_transforms.py` 5.23.0.
package struct PixelNormalization: Sendable, Hashable {
    /// Factor on every sample; usually 1/255.
    package let rescaleFactor: Double
    /// Mean of red, green, blue after rescaling.
    package let mean: [Double]
    /// Standard deviation of red, green, blue after rescaling.
    package let standardDeviation: [Double]
    /// The result for every channel and sample, `[3, 256]`.
    package let table: [Float]

    /// Sets the three constants.
    ///
    /// - Parameters:
    ///   - mean: Of red, green, blue; three values.
    ///   - standardDeviation: Of red, green, blue; three values, none 0.
    ///   - rescaleFactor: Factor on every sample.
    package init(mean: [Double], standardDeviation: [Double], rescaleFactor: Double = 1.0 / 255.0) {
        precondition(
            mean.count == 3 && standardDeviation.count == 3 && !standardDeviation.contains(0),
            "mean \(mean) and standard deviation \(standardDeviation) must have three values, no deviation 0"
        )
        self.rescaleFactor = rescaleFactor
        self.mean = mean
        self.standardDeviation = standardDeviation
        table = (0..<3).flatMap { channel in
            let (center, deviation) = (Float(mean[channel]), Float(standardDeviation[channel]))
            return (0..<256).map { sample in (Float(Double(sample) * rescaleFactor) - center) / deviation }
        }
    }
}
