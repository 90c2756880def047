package import Foundation

/// Reads JSON as Python writes it.
///
/// Python's `json` writes the numbers Infinity, -Infinity and NaN under these names, which the standard does not know.
/// Here they come back as texts of that name, so that fields nobody asks for do no harm and all others fail as what
/// they are: no numbers.
///
/// Source: python/cpython, `Lib/json/decoder.py` (`_CONSTANTS`).
package enum JSONText {
    /// The beginning of the file that git leaves in the place of a large one.
    private static let pointer = Data("version https://git-lfs".utf8)

    /// Decodes one object.
    ///
    /// - Parameter data: UTF-8 text.
    /// - Returns: The object; nil when the text is none.
    package static func object(_ data: Data) -> [String: Any]? {
        if let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] { return object }
        guard let plain = quotingConstants(data) else { return nil }
        return try? JSONSerialization.jsonObject(with: plain) as? [String: Any]
    }

    /// Whether a file's content is a pointer of Git LFS.
    package static func isPointer(_ data: Data) -> Bool { data.starts(with: pointer) }

    /// The same text with Python's constants in quotation marks; nil when it has none.
    private static func quotingConstants(_ data: Data) -> Data? {
        let bytes = [UInt8](data)
        let constants = ["-Infinity", "Infinity", "NaN"].map { Array($0.utf8) }
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        var (result, place, isInText, hasConstant) = ([UInt8](), 0, false, false)
        result.reserveCapacity(bytes.count + 16)
        while place < bytes.count {
            let byte = bytes[place]
            if !isInText, let constant = constants.first(where: { bytes[place...].starts(with: $0) }) {
                result += [quote] + constant + [quote]
                place += constant.count
                hasConstant = true
                continue
            }
            result.append(byte)
            if isInText, byte == backslash, place + 1 < bytes.count {
                place += 1
                result.append(bytes[place])
            } else if byte == quote {
                isInText.toggle()
            }
            place += 1
        }
        return hasConstant ? Data(result) : nil
    }
}
