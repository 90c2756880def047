/// The printable characters that stand for the 256 bytes in vocabulary files of byte-level tokenizers.
///
/// Bytes 33...126, 161...172 and 174...255 stand for themselves as code points; the others take 256, 257, …
/// in order.
///
/// Source: `bytes_to_unicode` in openai/gpt-2, `src/encoder.py`.
enum ByteAlphabet {
    /// The code point of every byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 256
        return (0..<256).map { (byte: UInt32) in
            if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
                return Unicode.Scalar(byte) ?? " "
            }
            defer { next += 1 }
            return Unicode.Scalar(next) ?? " "
        }
    }()

    private static let byteOfScalar: [UInt32: UInt8] = Dictionary(
        uniqueKeysWithValues: scalars.enumerated().map { ($0.element.value, UInt8($0.offset)) }
    )

    /// The bytes that a vocabulary entry stands for; nil when it holds a character outside the alphabet.
    static func bytes(of entry: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entry.utf8.count)
        for scalar in entry.unicodeScalars {
            guard let byte = byteOfScalar[scalar.value] else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
