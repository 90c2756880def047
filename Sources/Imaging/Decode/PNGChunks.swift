/// The chunk list of a PNG file, read without inflating anything but the texts that may hold an orientation.
///
/// Only what must be known before allocation is kept: the size of the picture, how much metadata there is,
/// and the chunks that may hold an orientation. Everything else is libpng's business.
///
/// Source: Portable Network Graphics (PNG) Specification, third edition, section 5.
struct PNGChunks {
    /// The first eight bytes of every PNG file.
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// Width in pixels.
    private(set) var width = 0
    /// Height in pixels.
    private(set) var height = 0
    private var texts = PNGTexts()

    /// The TIFF structure that may hold the orientation.
    var exif: [UInt8]? { texts.exif }
    /// The XMP that may hold the orientation.
    var xmp: ArraySlice<UInt8>? { texts.xmp }

    /// Walks the chunks up to IEND.
    ///
    /// - Throws: ``DecodeError`` when the list breaks off, breaks the format, or is over a limit.
    init(_ bytes: [UInt8], name: String, limits: DecodeLimits) throws(DecodeError) {
        var position = Self.signature.count
        var metadataParts = 0
        var metadataBytes = 0
        var hasData = false
        while true {
            guard let length = bytes.bigEndian32(at: position), position + 12 + length <= bytes.count else {
                throw .truncated(
                    name: name,
                    format: .png,
                    reason: "it ends at byte \(bytes.count), inside a chunk"
                )
            }
            let type = bytes[position + 4..<position + 8]
            let content = bytes[position + 8..<position + 8 + length]
            if position == Self.signature.count {
                try readHeader(type: type, content: content, name: name, limits: limits)
            }
            switch String(decoding: type, as: UTF8.self) {
            case "IEND":
                if !hasData {
                    throw .corrupt(name: name, format: .png, reason: "it has no picture data")
                }
                return
            case "IDAT": hasData = true
            case let type: try texts.read(type, content, afterPicture: hasData, name: name)
            }
            // The fifth bit of the first letter marks an ancillary chunk.
            if type.first.map({ $0 & 0x20 != 0 }) == true {
                metadataParts += 1
                metadataBytes += length
                try limits.check(name: name, metadataParts: metadataParts, metadataBytes: metadataBytes)
            }
            position += 12 + length
        }
    }

    private mutating func readHeader(
        type: ArraySlice<UInt8>,
        content: ArraySlice<UInt8>,
        name: String,
        limits: DecodeLimits
    ) throws(DecodeError) {
        let fields = Array(content)
        guard type.elementsEqual("IHDR".utf8), let width = fields.bigEndian32(at: 0),
            let height = fields.bigEndian32(at: 4), width > 0, height > 0
        else {
            throw .corrupt(name: name, format: .png, reason: "its header is missing or gives no size")
        }
        try limits.check(name: name, width: width, height: height)
        self.width = width
        self.height = height
    }
}

extension [UInt8] {
    /// The big-endian 32-bit number at an index, or nil past the end.
    func bigEndian32(at index: Int) -> Int? {
        guard index >= 0, index + 4 <= count else { return nil }
        return Int(self[index]) << 24 | Int(self[index + 1]) << 16 | Int(self[index + 2]) << 8
            | Int(self[index + 3])
    }
}
