/// How stored rows and columns lie in the upright picture: values 1 to 8 of the Exif tag.
enum Orientation: Int {
    case upright = 1
    case mirrored, upsideDown, flipped, transposed, turnedRight, transversed, turnedLeft

    /// Reads the orientation from metadata as Pillow's `ImageOps.exif_transpose` does: Exif first, XMP only
    /// if Exif has none; anything unreadable means upright.
    ///
    /// - Parameters:
    ///   - exif: A TIFF structure, with or without "Exif\0\0" before it.
    ///   - xmp: XMP as text.
    init(exif: [UInt8]?, xmp: ArraySlice<UInt8>?) {
        let value = exif.flatMap(Self.exifValue(in:)) ?? xmp.flatMap(Self.xmpValue(in:))
        self = value.flatMap(Orientation.init(rawValue:)) ?? .upright
    }

    /// The orientation tag of the first image file directory; 0 when its value is no whole number, and nil without
    /// the tag.
    ///
    /// The tag should be a short integer. Whatever number Pillow would compare equal to one counts as well; bytes
    /// and text do not, but keep XMP from being asked.
    ///
    /// Source: Exif 2.32, section 4.6.2 (structure), tag 0x0112; `ImageFileDirectory_v2.load` in
    /// `PIL/TiffImagePlugin.py` of Pillow 12.2.0.
    private static func exifValue(in bytes: [UInt8]) -> Int? {
        var tiff = bytes[...]
        let prefix = Array("Exif".utf8) + [0, 0]
        while tiff.starts(with: prefix) { tiff = tiff.dropFirst(prefix.count) }
        let reader = TIFFReader(bytes: Array(tiff))
        guard let reader, let directory = reader.long(at: 4), let count = reader.short(at: directory) else {
            return nil
        }
        var found: Int?
        for index in 0..<count {
            let entry = directory + 2 + 12 * index
            guard let tag = reader.short(at: entry), let type = reader.short(at: entry + 2),
                let valueCount = reader.long(at: entry + 4), let field = reader.long(at: entry + 8)
            else { return found }
            guard tag == 0x0112, valueCount >= 1, let size = TIFFReader.sizes[type] else { continue }
            // A value that does not fit its four bytes stands elsewhere.
            let place = size * valueCount > 4 ? field : entry + 8
            guard place + size * valueCount <= reader.bytes.count else { return found }
            found = reader.number(at: place, type: type).flatMap(Int.init(exactly:)) ?? 0
        }
        return found
    }

    /// The digit after `tiff:Orientation="` or `tiff:Orientation>`.
    private static func xmpValue(in text: ArraySlice<UInt8>) -> Int? {
        let key = Array("tiff:Orientation".utf8)
        var rest = text
        while let start = rest.firstIndex(of: key[0]) {
            rest = rest[start...]
            if rest.starts(with: key) {
                var value = rest.dropFirst(key.count)
                if value.starts(with: "=\"".utf8) {
                    value = value.dropFirst(2)
                } else if value.starts(with: ">".utf8) {
                    value = value.dropFirst(1)
                } else {
                    value = []
                }
                if let digit = value.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) {
                    return Int(digit - UInt8(ascii: "0"))
                }
            }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// Numbers of a TIFF structure in its own byte order.
private struct TIFFReader {
    let bytes: [UInt8]
    let isLittleEndian: Bool

    /// Bytes of one value, by the number of its type.
    static let sizes = [
        1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
    ]

    init?(bytes: [UInt8]) {
        // The letters give the order; some writers store the mark after them in the other one.
        guard bytes.count >= 8, Set(bytes[2..<4]) == [0, 0x2A] else { return nil }
        if bytes.starts(with: "II".utf8) {
            isLittleEndian = true
        } else if bytes.starts(with: "MM".utf8) {
            isLittleEndian = false
        } else {
            return nil
        }
        self.bytes = bytes
    }

    func short(at index: Int) -> Int? {
        guard index >= 0, index + 2 <= bytes.count else { return nil }
        let pair = (Int(bytes[index]), Int(bytes[index + 1]))
        return isLittleEndian ? pair.1 << 8 | pair.0 : pair.0 << 8 | pair.1
    }

    func long(at index: Int) -> Int? {
        guard let first = short(at: index), let second = short(at: index + 2) else { return nil }
        return isLittleEndian ? second << 16 | first : first << 16 | second
    }

    /// A value of one of the numeric types; nil for bytes and text, and for a division by zero.
    func number(at index: Int, type: Int) -> Double? {
        guard let first = type == 6 ? Int(bytes[index]) : short(at: index) else { return nil }
        switch type {
        case 3: return Double(first)
        case 6: return Double(Int8(truncatingIfNeeded: first))
        case 8: return Double(Int16(truncatingIfNeeded: first))
        default: break
        }
        guard let word = long(at: index) else { return nil }
        switch type {
        case 4, 13: return Double(word)
        case 9: return Double(Int32(truncatingIfNeeded: word))
        case 11: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: word)))
        default: break
        }
        guard let second = long(at: index + 4) else { return nil }
        let (low, high) = isLittleEndian ? (word, second) : (second, word)
        let long = UInt64(truncatingIfNeeded: high) << 32 | UInt64(truncatingIfNeeded: low)
        switch type {
        case 5: return second == 0 ? nil : Double(word) / Double(second)
        case 10:
            let (above, below) = (Int32(truncatingIfNeeded: word), Int32(truncatingIfNeeded: second))
            return below == 0 ? nil : Double(above) / Double(below)
        case 12: return Double(bitPattern: long)
        case 16: return Double(long)
        default: return nil
        }
    }
}
