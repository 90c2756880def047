import Foundation

/// SentencePiece's compiled normalisation rules: a trie from UTF-8 to replacements.
///
/// Layout: the trie's byte count (32 bits, little-endian), the trie as a double array of 32-bit units, then
/// replacements that end in a zero byte; a leaf holds the start of its replacement.
/// Source: google/sentencepiece, `src/normalizer.cc`; s-yata/darts-clone, `include/darts.h` (the bits of a unit);
/// huggingface/tokenizers, `normalizers/precompiled.rs` and the crate `spm_precompiled` (which prefix is taken).
struct PrecompiledCharacters: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]

    /// Splits and checks the blob; nil when it is damaged.
    init?(_ blob: [UInt8]) {
        guard blob.count >= 4 else { return nil }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(blob[offset + $1]) << (8 * UInt32($1)) }
        }
        let size = Int(word(0))
        guard size > 0, size % 4 == 0, size <= blob.count - 4 else { return nil }
        units = (0..<size / 4).map { word(4 + 4 * $0) }
        replacements = Array(blob[(4 + size)...])
        guard replacements.last == 0 else { return nil }
    }

    /// Normalises a text: short grapheme clusters as a whole, else scalar by scalar.
    func normalize(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for cluster in String(String.UnicodeScalarView(text)) {
            let bytes = Array(cluster.utf8)
            if bytes.count < 6, let replacement = replacement(of: bytes) {
                result.append(contentsOf: replacement)
                continue
            }
            for scalar in cluster.unicodeScalars {
                if let replacement = replacement(of: Array(String(scalar).utf8)) {
                    result.append(contentsOf: replacement)
                } else {
                    result.append(scalar)
                }
            }
        }
        return result
    }

    /// The replacement of the shortest prefix that the trie knows; it stands for the whole of `bytes`.
    private func replacement(of bytes: [UInt8]) -> String.UnicodeScalarView? {
        guard let first = units.first else { return nil }
        var node = PrecompiledCharacters.offset(first)
        for byte in bytes where byte != 0 {
            node ^= Int(byte)
            guard node < units.count else { return nil }
            let unit = units[node]
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            node ^= PrecompiledCharacters.offset(unit)
            if unit >> 8 & 1 == 1 {
                guard node < units.count else { return nil }
                let start = Int(units[node] & 0x7FFF_FFFF)
                guard start < replacements.count else { return nil }
                return String(decoding: replacements[start...].prefix { $0 != 0 }, as: UTF8.self)
                    .unicodeScalars
            }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int {
        Int(unit >> 10) << Int((unit & (1 << 9)) >> 6)
    }
}
