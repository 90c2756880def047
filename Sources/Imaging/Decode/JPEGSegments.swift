/// The segments of a JPEG file up to its first scan, read without decoding anything.
///
/// Only what must be known before allocation is kept: the size of the picture, how much metadata there is,
/// and the segments that may hold an orientation. Everything else is libjpeg's business.
///
/// Source: ITU-T T.81, annex B.
struct JPEGSegments {
    /// Width in pixels.
    private(set) var width = 0
    /// Height in pixels.
    private(set) var height = 0
    /// The contents of the Exif segments without their prefix, joined in order.
    private(set) var exif: [UInt8]?
    /// The text of the XMP segment.
    private(set) var xmp: ArraySlice<UInt8>?

    private static let exifPrefix = Array("Exif".utf8) + [0, 0]
    private static let xmpPrefix = Array("http://ns.adobe.com/xap/1.0/".utf8) + [0]

    /// Walks the segments.
    ///
    /// - Throws: ``DecodeError`` when the list breaks off, breaks the format, or is over a limit.
    init(_ bytes: [UInt8], name: String, limits: DecodeLimits) throws(DecodeError) {
        var position = 2  // after the start-of-image marker
        var metadataParts = 0
        var metadataBytes = 0
        while true {
            // Any number of filling FF bytes may stand before a marker; libjpeg also skips stray bytes.
            while position < bytes.count, bytes[position] != 0xFF { position += 1 }
            while position < bytes.count, bytes[position] == 0xFF { position += 1 }
            guard position < bytes.count else { throw Self.truncated(bytes, name: name) }
            let marker = bytes[position]
            position += 1
            if marker == 0 || marker == 0x01 || (0xD0...0xD8).contains(marker) { continue }
            if marker == 0xD9 {
                throw .corrupt(name: name, format: .jpeg, reason: "it has no picture data")
            }
            guard position + 2 <= bytes.count else { throw Self.truncated(bytes, name: name) }
            let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
            guard length >= 2 else {
                throw .corrupt(name: name, format: .jpeg, reason: "a segment of length \(length)")
            }
            guard position + length <= bytes.count else { throw Self.truncated(bytes, name: name) }
            let content = bytes[position + 2..<position + length]
            position += length
            switch marker {
            case 0xDA:
                if width == 0 {
                    throw .corrupt(name: name, format: .jpeg, reason: "no frame header before the first scan")
                }
                return
            case 0xC0...0xCF where ![0xC4, 0xC8, 0xCC].contains(marker):
                try readFrame(content, name: name, limits: limits)
            case 0xE0...0xEF, 0xFE:
                metadataParts += 1
                metadataBytes += length
                try limits.check(name: name, metadataParts: metadataParts, metadataBytes: metadataBytes)
                if marker == 0xE1 { readApplicationData(content) }
            default: break
            }
        }
    }

    private mutating func readFrame(
        _ content: ArraySlice<UInt8>,
        name: String,
        limits: DecodeLimits
    ) throws(DecodeError) {
        let fields = Array(content.prefix(5))
        guard fields.count == 5 else {
            throw .corrupt(name: name, format: .jpeg, reason: "its frame header is too short")
        }
        let height = Int(fields[1]) << 8 | Int(fields[2])
        let width = Int(fields[3]) << 8 | Int(fields[4])
        guard width > 0, height > 0 else {
            throw .corrupt(name: name, format: .jpeg, reason: "its frame header gives no size")
        }
        try limits.check(name: name, width: width, height: height)
        self.width = width
        self.height = height
    }

    private mutating func readApplicationData(_ content: ArraySlice<UInt8>) {
        if content.starts(with: Self.exifPrefix) {
            exif = (exif ?? []) + content.dropFirst(Self.exifPrefix.count)
        } else if content.starts(with: Self.xmpPrefix) {
            xmp = content.dropFirst(Self.xmpPrefix.count)
        }
    }

    private static func truncated(_ bytes: [UInt8], name: String) -> DecodeError {
        .truncated(name: name, format: .jpeg, reason: "it ends at byte \(bytes.count), before its picture")
    }
}
