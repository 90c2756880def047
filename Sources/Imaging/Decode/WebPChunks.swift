/// The chunk list of a WebP file, read without decoding anything.
///
/// Kept are the two chunks that may hold an orientation. They count only in an extended file (VP8X) whose flags
/// announce them, and the first of each kind counts, as libwebp's demultiplexer has it.
///
/// Source: RFC 9649, section 2; `ParseVP8XChunks` in libwebp's `src/demux/demux.c`.
struct WebPChunks {
    /// The first four bytes of the container.
    static let riff = Array("RIFF".utf8)
    /// The four bytes after the container's length.
    static let webp = Array("WEBP".utf8)

    /// The contents of the EXIF chunk.
    private(set) var exif: ArraySlice<UInt8>?
    /// The text of the XMP chunk.
    private(set) var xmp: ArraySlice<UInt8>?

    private static let exifFlag: UInt8 = 0x08
    private static let xmpFlag: UInt8 = 0x04

    /// Walks the chunks.
    ///
    /// - Throws: ``DecodeError`` when the list breaks off, breaks the format, or is over a limit.
    init(_ bytes: [UInt8], name: String, limits: DecodeLimits) throws(DecodeError) {
        guard let length = bytes.littleEndian32(at: 4), length >= 12, 8 + length <= bytes.count else {
            throw Self.truncated(bytes, name: name)
        }
        let end = 8 + length
        var position = 12
        var flags: UInt8 = 0
        var metadata = (parts: 0, bytes: 0)
        while position + 8 <= end, let count = bytes.littleEndian32(at: position + 4) {
            guard position + 8 + count <= end else { throw Self.truncated(bytes, name: name) }
            let content = bytes[position + 8..<position + 8 + count]
            switch String(decoding: bytes[position..<position + 4], as: UTF8.self) {
            case "VP8X":
                if position == 12 { flags = content.first ?? 0 }
            case "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF": break
            case let type:
                metadata = (metadata.parts + 1, metadata.bytes + count)
                try limits.check(name: name, metadataParts: metadata.parts, metadataBytes: metadata.bytes)
                if type == "EXIF", exif == nil, flags & Self.exifFlag != 0 { exif = content }
                if type == "XMP ", xmp == nil, flags & Self.xmpFlag != 0 { xmp = content }
            }
            position += 8 + count + count % 2
        }
        if exif?.isEmpty == true { exif = nil }
    }

    private static func truncated(_ bytes: [UInt8], name: String) -> DecodeError {
        .truncated(name: name, format: .webp, reason: "it ends at byte \(bytes.count), inside a chunk")
    }
}

extension [UInt8] {
    /// The little-endian 32-bit number at an index, or nil past the end.
    func littleEndian32(at index: Int) -> Int? {
        guard index >= 0, index + 4 <= count else { return nil }
        return Int(self[index + 3]) << 24 | Int(self[index + 2]) << 16 | Int(self[index + 1]) << 8
            | Int(self[index])
    }
}
