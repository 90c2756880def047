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

    /// The orientation tag of the first image file directory.
    ///
    /// Source: Exif 2.32, section 4.6.2 (structure), tag 0x0112.
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
                let valueCount = reader.long(at: entry + 4)
            else { return found }
            guard tag == 0x0112, valueCount >= 1 else { continue }
            // A value that does not fit its four bytes stands elsewhere.
            switch type {
            case 3: found = reader.short(at: valueCount <= 2 ? entry + 8 : reader.long(at: entry + 8) ?? -1)
            case 4: found = reader.long(at: valueCount == 1 ? entry + 8 : reader.long(at: entry + 8) ?? -1)
            default: continue
            }
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

    init?(bytes: [UInt8]) {
        if bytes.starts(with: [0x49, 0x49, 0x2A, 0]) {
            isLittleEndian = true
        } else if bytes.starts(with: [0x4D, 0x4D, 0, 0x2A]) {
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
}
