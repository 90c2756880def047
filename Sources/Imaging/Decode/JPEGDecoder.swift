import CImageCodecs

/// JPEG (baseline, extended, progressive; 8 bits; grey, YCbCr, RGB, CMYK, YCCK) to 8-bit RGB.
///
/// The settings are those of Pillow: accurate integer transform, smooth chroma upsampling, four components
/// taken as Adobe's inverted CMYK, profiles ignored. With the same generation of libjpeg-turbo the result
/// equals Pillow's bit for bit; between generations samples may differ by at most 2 levels. A warning that
/// picture data are missing or damaged is an error here, where Pillow may show grey.
///
/// Source: `PIL/JpegImagePlugin.py`, `libImaging/{JpegDecode,Convert}.c` of Pillow 12.2.0.
enum JPEGDecoder {
    /// Decodes the picture as stored, without regard to its orientation.
    ///
    /// - Throws: ``DecodeError`` with the file's name.
    static func decode(_ bytes: [UInt8], name: String, limits: DecodeLimits) throws -> PixelImage {
        var header = ci_jpeg_header()
        let reading = unsafe withCodecMessage { message in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe ci_jpeg_read_header(input.baseAddress, input.count, &header, message)
            }
        }
        try DecodeError.check(reading, name: name, format: .jpeg)
        // libjpeg read the header itself: what it found is checked again before memory is asked for.
        try limits.check(name: name, width: Int(header.width), height: Int(header.height))
        let samples = try samples(of: bytes, header: header, name: name, limits: limits)
        return PixelImage(
            width: Int(header.width),
            height: Int(header.height),
            pixels: rgb(from: samples, channels: Int(header.channels))
        )
    }

    /// The decoded samples, `[height, width, channels]`.
    private static func samples(
        of bytes: [UInt8],
        header: ci_jpeg_header,
        name: String,
        limits: DecodeLimits
    ) throws -> [UInt8] {
        let count = Int(header.width) * Int(header.height) * Int(header.channels)
        return unsafe try decodedSamples(
            of: bytes,
            header: header,
            count: count,
            name: name,
            format: .jpeg
        ) { input, header, samples, message in
            unsafe ci_jpeg_decode(
                input.baseAddress,
                input.count,
                header,
                Int32(clamping: limits.maximumScans),
                samples,
                count,
                message
            )
        }
    }

    private static func rgb(from samples: [UInt8], channels: Int) -> [UInt8] {
        switch channels {
        case 1:
            unsafe converted(samples, bytesPerPixel: 1) { pixel in
                let level = unsafe pixel[0]
                return (level, level, level)
            }
        case 3: samples
        default:
            unsafe converted(samples, bytesPerPixel: 4) { pixel in
                let light = unsafe pixel[3]
                return unsafe (
                    lit(pixel[0], light: light), lit(pixel[1], light: light), lit(pixel[2], light: light)
                )
            }
        }
    }

    /// One colour of an inverted CMYK pixel: with ink `c = 255 − stored` and `light = 255 − black`, the
    /// colour is `light − round(c·light / 255)`.
    @inline(__always)
    private static func lit(_ stored: UInt8, light: UInt8) -> UInt8 {
        let product = UInt32(255 &- stored) &* UInt32(light) &+ 128
        return light &- UInt8(truncatingIfNeeded: ((product >> 8) &+ product) >> 8)
    }
}
