import CImageCodecs

/// Writes baseline YCbCr JPEG files.
package enum JPEGEncoder {
    /// How finely colour is stored beside brightness.
    package enum Chroma: Int32, Sendable, Hashable, CaseIterable {
        /// One colour sample per pixel (4:4:4).
        case full = 1
        /// One colour sample per 2×2 pixels (4:2:0), Pillow's default at every quality.
        case half = 2
    }

    /// Encodes an image.
    ///
    /// - Parameters:
    ///   - image: The image, at most 65,500 pixels a side.
    ///   - quality: libjpeg's scale, 1...100.
    ///   - chroma: How finely colour is stored.
    /// - Returns: The bytes of the file.
    /// - Throws: ``EncodeError``.
    package static func encode(
        _ image: PixelImage,
        quality: Int = 95,
        chroma: Chroma = .half
    ) throws -> [UInt8] {
        guard (1...100).contains(quality) else { throw EncodeError.invalidQuality(quality) }
        guard max(image.width, image.height) <= 65_500 else {
            throw EncodeError.tooLarge(format: .jpeg, width: image.width, height: image.height)
        }
        var output: UnsafeMutablePointer<UInt8>?
        var count = 0
        let outcome = unsafe withCodecMessage { message in
            unsafe image.pixels.withUnsafeBufferPointer { pixels in
                unsafe ci_jpeg_encode(
                    pixels.baseAddress,
                    UInt32(image.width),
                    UInt32(image.height),
                    Int32(quality),
                    chroma.rawValue,
                    &output,
                    &count,
                    message
                )
            }
        }
        guard outcome.status == CI_OK, let output = unsafe output else {
            throw EncodeError.codec(format: .jpeg, reason: outcome.reason)
        }
        defer { unsafe ci_free(output) }
        return unsafe Array(UnsafeBufferPointer(start: output, count: count))
    }
}
