import CImageCodecs

/// PNG of every colour type, 1 to 16 bits, interlaced or not, to 8-bit RGB.
///
/// Equal to Pillow 12.2 bit for bit, its quirks included, since the models were trained through it: 16-bit
/// colour keeps the high byte of each sample; 16-bit grey *saturates* (every value above 255 becomes 255); a
/// transparent colour is compared by its low byte with the 8-bit sample, so for 2-, 4- and 16-bit files it
/// often matches nothing. Gamma and colour profiles are ignored. Transparency is composited over white
/// (``WhiteBackground``). An animation gives its default picture. Unlike Pillow, any wrong checksum and a
/// missing end are errors.
///
/// Source: `PIL/PngImagePlugin.py` (`_MODES`, `chunk_tRNS`), `libImaging/{Unpack,Convert}.c` of Pillow
/// 12.2.0.
enum PNGDecoder {
    /// Decodes the picture as stored, without regard to its orientation.
    ///
    /// - Throws: ``DecodeError`` with the file's name.
    static func decode(_ bytes: [UInt8], name: String) throws -> PixelImage {
        var header = ci_png_header()
        var palette = [UInt8](repeating: 0, count: 256 * 4)
        let reading = unsafe withCodecMessage { message in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe palette.withUnsafeMutableBufferPointer { palette in
                    unsafe ci_png_read_header(
                        input.baseAddress,
                        input.count,
                        &header,
                        palette.baseAddress,
                        message
                    )
                }
            }
        }
        try DecodeError.check(reading, name: name, format: .png)
        let samples = try samples(of: bytes, header: header, name: name)
        return try PixelImage(
            width: Int(header.width),
            height: Int(header.height),
            pixels: PNGColor(header: header, palette: palette).rgb(from: samples, name: name)
        )
    }

    /// The stored samples, `[height, width, channels]`, one byte each (16-bit grey: two, high byte first).
    private static func samples(of bytes: [UInt8], header: ci_png_header, name: String) throws -> [UInt8] {
        let count =
            Int(header.width) * Int(header.height) * Int(header.channels) * Int(header.bytes_per_sample)
        return unsafe try decodedSamples(
            of: bytes,
            header: header,
            count: count,
            name: name,
            format: .png
        ) { input, header, samples, message in
            unsafe ci_png_decode(input.baseAddress, input.count, header, samples, count, message)
        }
    }
}
