import CImageCodecs

/// From the samples of a PNG file to RGB over white.
struct PNGColor {
    /// What the file says of its samples.
    let header: ci_png_header
    /// `[256, 4]`: red, green, blue, alpha of each palette entry.
    let palette: [UInt8]

    /// The picture in RGB.
    ///
    /// - Parameters:
    ///   - samples: `[height, width, channels]` as `ci_png_decode` writes them.
    ///   - name: The file, for errors.
    /// - Returns: `[height, width, 3]`.
    /// - Throws: ``DecodeError/corrupt(name:format:reason:)`` for a palette index without an entry.
    func rgb(from samples: [UInt8], name: String) throws(DecodeError) -> [UInt8] {
        switch header.color_type {
        case 0: return header.bytes_per_sample == 2 ? wideGray(samples) : lookedUp(samples, table: grayTable)
        case 2: return color(samples)
        case 3:
            if let largest = samples.max(), largest >= header.palette_count {
                let reason = "palette index \(largest) in a palette of \(header.palette_count)"
                throw .corrupt(name: name, format: .png, reason: reason)
            }
            return lookedUp(samples, table: paletteTable)
        case 4: return grayAlpha(samples)
        default: return colorAlpha(samples)
        }
    }

    /// RGB of every grey sample of up to 8 bits, `[256, 3]`.
    private var grayTable: [UInt8] {
        let largest = (1 << header.bit_depth) - 1
        // Pillow keeps a one-bit picture as 0 and 255, and the transparent colour with it.
        let key =
            header.bit_depth == 1 ? (header.transparent_red == 0 ? 0 : 255) : header.transparent_red & 0xFF
        return (0..<256).flatMap { sample in
            let level = UInt8(min(sample, largest) * 255 / largest)
            return [UInt8](repeating: isTransparent(level, key: key) ? 255 : level, count: 3)
        }
    }

    /// RGB over white of every palette entry, `[256, 3]`.
    private var paletteTable: [UInt8] {
        (0..<256).flatMap { entry in
            (0..<3).map { WhiteBackground.composite(palette[4 * entry + $0], alpha: palette[4 * entry + 3]) }
        }
    }

    private func isTransparent(_ level: UInt8, key: UInt16) -> Bool {
        header.has_transparent_color != 0 && UInt16(level) == key
    }

    private func lookedUp(_ samples: [UInt8], table: [UInt8]) -> [UInt8] {
        unsafe converted(samples, bytesPerPixel: 1) { pixel in
            let start = 3 * Int(unsafe pixel[0])
            return (table[start], table[start + 1], table[start + 2])
        }
    }

    private func wideGray(_ samples: [UInt8]) -> [UInt8] {
        let key = header.transparent_red & 0xFF
        return unsafe converted(samples, bytesPerPixel: 2) { pixel in
            let level = unsafe pixel[0] == 0 ? pixel[1] : 255
            let shown = isTransparent(level, key: key) ? 255 : level
            return (shown, shown, shown)
        }
    }

    private func color(_ samples: [UInt8]) -> [UInt8] {
        guard header.has_transparent_color != 0 else { return samples }
        let red = UInt8(truncatingIfNeeded: header.transparent_red)
        let green = UInt8(truncatingIfNeeded: header.transparent_green)
        let blue = UInt8(truncatingIfNeeded: header.transparent_blue)
        return unsafe converted(samples, bytesPerPixel: 3) { pixel in
            let isTransparent = unsafe pixel[0] == red && pixel[1] == green && pixel[2] == blue
            return unsafe isTransparent ? (255, 255, 255) : (pixel[0], pixel[1], pixel[2])
        }
    }

    private func grayAlpha(_ samples: [UInt8]) -> [UInt8] {
        unsafe converted(samples, bytesPerPixel: 2) { pixel in
            let shown = unsafe WhiteBackground.composite(pixel[0], alpha: pixel[1])
            return (shown, shown, shown)
        }
    }

    private func colorAlpha(_ samples: [UInt8]) -> [UInt8] {
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
