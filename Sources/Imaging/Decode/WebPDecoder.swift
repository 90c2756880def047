import CImageCodecs

/// WebP (lossy, lossless, with or without alpha) to 8-bit RGB.
///
/// The settings are Pillow's, which are libwebp's own: smooth chroma upsampling, no dithering, profiles ignored.
/// Transparency is composited over white (``WhiteBackground``). Animations are refused: which of its pictures a
/// judge should see is nobody's to guess.
///
/// Source: `PIL/WebPImagePlugin.py`, `_webp.c` of Pillow 12.2.0.
enum WebPDecoder {
    /// Decodes the picture as stored, without regard to its orientation.
    ///
    /// - Throws: ``DecodeError`` with the file's name.
    static func decode(_ bytes: [UInt8], name: String, limits: DecodeLimits) throws -> PixelImage {
        var header = ci_webp_header()
        let reading = unsafe withCodecMessage { message in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe ci_webp_read_header(input.baseAddress, input.count, &header, message)
            }
        }
        try DecodeError.check(reading, name: name, format: .webp)
        if header.is_animated != 0 {
            throw DecodeError.unsupported(
                name: name,
                format: .webp,
                reason: "it is an animation, and a judge sees still pictures"
            )
        }
        try limits.check(name: name, width: Int(header.width), height: Int(header.height))
        let samples = try samples(of: bytes, header: header, name: name)
        return PixelImage(
            width: Int(header.width),
            height: Int(header.height),
            pixels: header.channels == 4 ? overWhite(samples) : samples
        )
    }

    /// The decoded samples, `[height, width, channels]`.
    private static func samples(of bytes: [UInt8], header: ci_webp_header, name: String) throws -> [UInt8] {
        let count = Int(header.width) * Int(header.height) * Int(header.channels)
        return unsafe try decodedSamples(
            of: bytes,
            header: header,
            count: count,
            name: name,
            format: .webp
        ) { input, header, samples, message in
            unsafe ci_webp_decode(input.baseAddress, input.count, header, samples, count, message)
        }
    }

    private static func overWhite(_ samples: [UInt8]) -> [UInt8] {
        unsafe converted(samples, bytesPerPixel: 4) { pixel in
            let alpha = unsafe pixel[3]
            return unsafe (
                WhiteBackground.composite(pixel[0], alpha: alpha),
                WhiteBackground.composite(pixel[1], alpha: alpha),
                WhiteBackground.composite(pixel[2], alpha: alpha)
            )
        }
    }
}
