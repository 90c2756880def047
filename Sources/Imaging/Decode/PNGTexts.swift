import CImageCodecs

/// The chunks of a PNG file that may hold an orientation, with Pillow's rules of which one counts.
///
/// Exif is the eXIf chunk or a text "exif", whichever comes last; without either, the text "Raw profile type exif"
/// in hexadecimal digits, as ImageMagick and exiftool write it. XMP is the text "XML:com.adobe.xmp". A text may be
/// plain (tEXt), compressed (zTXt) or international (iTXt). Of texts with one keyword the last counts. All other
/// texts stay compressed.
///
/// Source: `chunk_tEXt`, `chunk_zTXt`, `chunk_iTXt`, `load_end` in `PIL/PngImagePlugin.py` and `Image.getexif` in
/// `PIL/Image.py` of Pillow 12.2.0.
struct PNGTexts {
    /// Longest text after inflating, in bytes; Pillow's own limit.
    static let maximumInflatedBytes = 1 << 20

    private var exifChunk: [UInt8]?
    private var rawProfile: [UInt8]?
    private var xmpText: [UInt8]?
    private var xmpBytes: [UInt8]?
    private var frameCount: Int?
    private var hasFrameBeforePicture = false
    private var hasEnded = false

    private static let rawProfileKeyword = "Raw profile type exif"
    private static let xmpKeyword = "XML:com.adobe.xmp"

    /// The TIFF structure that counts.
    var exif: [UInt8]? {
        exifChunk ?? rawProfile.flatMap(Self.unwrapped)
    }

    /// The XMP that counts; an international text that is not UTF-8 counts only when there is no other.
    var xmp: ArraySlice<UInt8>? {
        guard let xmpText, !xmpText.isEmpty else { return xmpBytes?[...] }
        return xmpText[...]
    }

    /// Looks at a chunk.
    ///
    /// - Parameters:
    ///   - type: The chunk's type.
    ///   - content: Its content.
    ///   - afterPicture: Whether picture data came before it.
    ///   - name: The file, for errors.
    /// - Throws: ``DecodeError/tooMuchMetadata(name:bytes:limit:)`` for a text that inflates to more than
    ///   ``maximumInflatedBytes``.
    mutating func read(
        _ type: String,
        _ content: ArraySlice<UInt8>,
        afterPicture: Bool,
        name: String
    ) throws(DecodeError) {
        // Pillow reads an animation only up to the second frame.
        if hasEnded { return }
        switch type {
        case "acTL":
            let count = Array(content).bigEndian32(at: 0) ?? 0
            frameCount = frameCount == nil && (1...0x8000_0000).contains(count) ? count : nil
        case "fcTL":
            if !afterPicture { hasFrameBeforePicture = true }
            let frames = (frameCount ?? 1) + (frameCount == nil || hasFrameBeforePicture ? 0 : 1)
            if afterPicture, frames > 1 { hasEnded = true }
        case "eXIf": exifChunk = Array(content)
        case "tEXt":
            let (keyword, text) = Self.split(content)
            if keyword == "exif" { exifChunk = Array(text ?? []) }
            keep(Array(text ?? []), keyword: keyword)
        case "zTXt":
            let (keyword, rest) = Self.split(content)
            guard Self.isWanted(keyword), rest?.first ?? 0 == 0 else { return }
            keep(try Self.inflated(rest?.dropFirst() ?? [], name: name) ?? [], keyword: keyword)
        case "iTXt": try readInternational(content, name: name)
        default: break
        }
    }

    /// Layout: keyword, 0, compression flag, compression method, language, 0, translated keyword, 0, text.
    private mutating func readInternational(_ content: ArraySlice<UInt8>, name: String) throws(DecodeError) {
        let (keyword, rest) = Self.split(content)
        guard Self.isWanted(keyword), let rest, rest.count >= 2 else { return }
        let head = Array(rest.prefix(2))
        let fields = rest.dropFirst(2).split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return }
        var text = Array(fields[2])
        if head[0] != 0 {
            guard head[1] == 0, let inflated = try Self.inflated(fields[2], name: name) else { return }
            text = inflated
        }
        if keyword == Self.xmpKeyword { xmpBytes = text }
        let isReadable = [Array(fields[0]), Array(fields[1]), text].allSatisfy {
            String(validating: $0, as: UTF8.self) != nil
        }
        if isReadable { keep(text, keyword: keyword) }
    }

    private mutating func keep(_ text: [UInt8], keyword: String) {
        switch keyword {
        case Self.rawProfileKeyword: rawProfile = text
        case Self.xmpKeyword: xmpText = text
        default: break
        }
    }

    private static func isWanted(_ keyword: String) -> Bool {
        keyword == rawProfileKeyword || keyword == xmpKeyword
    }

    /// The keyword before the first zero, and what follows it; nil when there is no zero.
    private static func split(_ content: ArraySlice<UInt8>) -> (keyword: String, rest: ArraySlice<UInt8>?) {
        guard let zero = content.firstIndex(of: 0) else {
            return (String(decoding: content.prefix(80), as: UTF8.self), nil)
        }
        return (String(decoding: content[..<zero].prefix(80), as: UTF8.self), content[(zero + 1)...])
    }

    /// The bytes of a zlib stream; nil when it is damaged.
    private static func inflated(_ stream: ArraySlice<UInt8>, name: String) throws(DecodeError) -> [UInt8]? {
        var written = 0
        var outcome = (status: CI_OK, reason: "")
        let text = unsafe [UInt8](unsafeUninitializedCapacity: maximumInflatedBytes) {
            output,
            initializedCount in
            outcome = unsafe withCodecMessage { message in
                unsafe stream.withUnsafeBufferPointer { input in
                    unsafe ci_inflate(
                        input.baseAddress,
                        input.count,
                        output.baseAddress,
                        maximumInflatedBytes,
                        &written,
                        message
                    )
                }
            }
            initializedCount = written
        }
        switch outcome.status {
        case CI_OK: return text
        case CI_UNSUPPORTED:
            throw .tooMuchMetadata(name: name, bytes: maximumInflatedBytes + 1, limit: maximumInflatedBytes)
        default: return nil
        }
    }

    /// The bytes of a raw profile: an empty line, a name, a length, then hexadecimal digits; nil when these are not
    /// digits in pairs.
    private static func unwrapped(_ profile: [UInt8]) -> [UInt8]? {
        let lines = profile.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let digits = Array(lines.dropFirst(3).joined())
        var bytes: [UInt8] = []
        var index = 0
        while index < digits.count {
            if (0x09...0x0D).contains(digits[index]) || digits[index] == 0x20 {
                index += 1
                continue
            }
            guard index + 1 < digits.count, let high = nibble(digits[index]),
                let low = nibble(digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
            index += 2
        }
        return bytes
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        Character(UnicodeScalar(digit)).hexDigitValue.flatMap { UInt8(exactly: $0) }
    }
}
