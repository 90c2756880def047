import Imaging

/// Several pictures of one size side by side in one image.
enum ShapeStrip {
    /// Puts pictures side by side.
    ///
    /// - Parameter images: At least one, all of one size.
    /// - Returns: `[height, count · width, 3]`.
    static func joined(_ images: [PixelImage]) -> PixelImage {
        precondition(!images.isEmpty, "a strip needs at least one picture")
        let width = images[0].width
        let height = images[0].height
        var pixels = [UInt8]()
        pixels.reserveCapacity(images.count * width * height * 3)
        for row in 0..<height {
            for image in images {
                pixels += image.pixels[row * width * 3..<(row + 1) * width * 3]
            }
        }
        return PixelImage(width: images.count * width, height: height, pixels: pixels)
    }

    /// Takes a strip apart.
    ///
    /// - Parameters:
    ///   - strip: The strip.
    ///   - width: The width of one picture.
    ///   - height: The height of one picture.
    /// - Returns: The pictures, left to right; nil when they do not fill the strip.
    static func split(_ strip: PixelImage, width: Int, height: Int) -> [PixelImage]? {
        guard strip.height == height, strip.width % width == 0 else { return nil }
        return (0..<strip.width / width).map { number in
            var pixels = [UInt8]()
            pixels.reserveCapacity(width * height * 3)
            for row in 0..<height {
                let start = (row * strip.width + number * width) * 3
                pixels += strip.pixels[start..<start + width * 3]
            }
            return PixelImage(width: width, height: height, pixels: pixels)
        }
    }
}
