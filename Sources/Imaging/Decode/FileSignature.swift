/// What the first bytes of a file say it is.
enum FileSignature: Equatable {
    /// A format that Imaging reads.
    case image(ImageFormat)
    /// The beginning of such a file, too short to be one.
    case beginning(ImageFormat)
    /// Something else, in words for an error.
    case other(String)

    private static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF]

    private static let known: [(prefix: [UInt8], words: String)] = [
        (Array("GIF8".utf8), "a GIF image"),
        (Array("BM".utf8), "a BMP image"),
        ([0x49, 0x49, 0x2A, 0], "a TIFF image"),
        ([0x4D, 0x4D, 0, 0x2A], "a TIFF image"),
        ([0, 0, 1, 0], "an ICO image"),
        ([0xFF, 0x0A], "a JPEG XL image"),
        ([0, 0, 0, 0x0C] + Array("JXL ".utf8), "a JPEG XL image"),
        ([0, 0, 0, 0x0C] + Array("jP  ".utf8), "a JPEG 2000 image"),
        (Array("8BPS".utf8), "a Photoshop file"),
        (Array("%PDF".utf8), "a PDF document"),
        (Array("PK".utf8) + [3, 4], "a ZIP archive"),
        ([0x1F, 0x8B], "a gzip archive"),
        (Array("version https://git-lfs".utf8), "a Git LFS pointer (run git lfs pull)"),
    ]

    /// Looks at a file that is not empty.
    init(_ bytes: [UInt8]) {
        if bytes.starts(with: PNGChunks.signature) {
            self = .image(.png)
        } else if bytes.starts(with: Self.jpeg) {
            self = .image(.jpeg)
        } else if bytes.starts(with: WebPChunks.riff), bytes.dropFirst(8).starts(with: WebPChunks.webp) {
            self = .image(.webp)
        } else if bytes.count < 12, bytes.starts(with: WebPChunks.riff),
            WebPChunks.webp.starts(with: bytes.dropFirst(8))
        {
            self = .beginning(.webp)
        } else if bytes.count >= 2, PNGChunks.signature.starts(with: bytes) {
            self = .beginning(.png)
        } else if bytes.count >= 2, Self.jpeg.starts(with: bytes) {
            self = .beginning(.jpeg)
        } else {
            self = .other(Self.words(for: bytes))
        }
    }

    private static func words(for bytes: [UInt8]) -> String {
        if let match = known.first(where: { bytes.starts(with: $0.prefix) }) {
            return match.words
        }
        if bytes.dropFirst(4).starts(with: "ftyp".utf8), bytes.count >= 12 {
            let brand = String(decoding: bytes[8..<12], as: UTF8.self)
            return brand.hasPrefix("avi") ? "an AVIF image" : "a HEIC image or a film (brand \"\(brand)\")"
        }
        return textWords(for: bytes.prefix(512)) ?? binaryWords(for: bytes)
    }

    private static func textWords(for bytes: ArraySlice<UInt8>) -> String? {
        let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0D].contains($0) }
        guard isText, bytes.contains(where: { $0 < 0x80 }) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        if text.contains("<svg") { return "an SVG drawing" }
        if text.contains("<html") || text.contains("<!doctype html") { return "an HTML page" }
        return "text"
    }

    private static func binaryWords(for bytes: [UInt8]) -> String {
        let digits = bytes.prefix(8).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "binary data beginning \(digits.joined(separator: " "))"
    }
}
