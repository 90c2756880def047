import CImageCodecs

/// Writes 8-bit RGB PNG files.
package enum PNGEncoder {
    /// Encodes an image; decoding the result gives the same samples.
    ///
    /// - Parameters:
    ///   - image: The image.
    ///   - text: Metadata, one tEXt chunk per keyword and value, both Latin-1 (for example what made the
    ///     picture).
    /// - Returns: The bytes of the file.
    /// - Throws: ``EncodeError/invalidText(keyword:)``, or ``EncodeError/codec(format:reason:)`` when memory
    ///   is out.
    package static func encode(_ image: PixelImage, text: [(String, String)] = []) throws -> [UInt8] {
        var strings: [[CChar]] = []
        for (keyword, value) in text {
            guard let latinKeyword = latin1(keyword), (1...79).contains(keyword.unicodeScalars.count),
                let latinValue = latin1(value)
            else { throw EncodeError.invalidText(keyword: keyword) }
            strings.append(latinKeyword)
            strings.append(latinValue)
        }
        return try encode(image, strings: strings)
    }

    private static func encode(_ image: PixelImage, strings: [[CChar]]) throws -> [UInt8] {
        // One block of zero-terminated strings and an offset for each keeps every pointer inside one closure.
        let block = Array(strings.joined())
        var offsets: [Int] = []
        var offset = 0
        for string in strings {
            offsets.append(offset)
            offset += string.count
        }
        var output: UnsafeMutablePointer<UInt8>?
        var count = 0
        let outcome = unsafe withCodecMessage { message in
            unsafe block.withUnsafeBufferPointer { block in
                let pointers = unsafe offsets.map { offset in
                    unsafe block.baseAddress.map { unsafe $0 + offset }
                }
                return unsafe pointers.withUnsafeBufferPointer { pointers in
                    unsafe image.pixels.withUnsafeBufferPointer { pixels in
                        unsafe ci_png_encode(
                            pixels.baseAddress,
                            UInt32(image.width),
                            UInt32(image.height),
                            pointers.baseAddress,
                            strings.count / 2,
                            &output,
                            &count,
                            message
                        )
                    }
                }
            }
        }
        guard outcome.status == CI_OK, let output = unsafe output else {
            throw EncodeError.codec(format: .png, reason: outcome.reason)
        }
        defer { unsafe ci_free(output) }
        return unsafe Array(UnsafeBufferPointer(start: output, count: count))
    }

    /// The zero-terminated Latin-1 form, or nil for text that has none.
    private static func latin1(_ text: String) -> [CChar]? {
        var bytes: [CChar] = []
        for scalar in text.unicodeScalars {
            guard scalar.value > 0, let byte = UInt8(exactly: scalar.value) else { return nil }
            bytes.append(CChar(bitPattern: byte))
        }
        return bytes + [0]
    }
}
