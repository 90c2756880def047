/// An 8-bit RGB image in memory.
///
/// Shape: `pixels` is `[height, width, 3]`, row-major, interleaved red, green, blue; 0 is dark, 255 is full.
package struct PixelImage: Sendable, Hashable {
    /// Width in pixels, at least 1.
    package let width: Int
    /// Height in pixels, at least 1.
    package let height: Int
    /// The samples, `[height, width, 3]`.
    package var pixels: [UInt8]

    /// Wraps samples.
    ///
    /// - Parameters:
    ///   - width: Width in pixels.
    ///   - height: Height in pixels.
    ///   - pixels: `[height, width, 3]`.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(
            width > 0 && height > 0 && pixels.count == width * height * 3,
            "\(pixels.count) samples do not fill an RGB image of \(width)×\(height)"
        )
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}
