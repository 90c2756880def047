import Foundation

/// A file inside a text: `data:image/png;base64,…`.
package struct DataURI: Sendable, Hashable {
    /// The media type in lower case, such as `image/png`.
    package var mediaType: String
    /// The file's bytes.
    package var bytes: [UInt8]

    /// Wraps a file.
    ///
    /// - Parameters:
    ///   - mediaType: The media type, such as `image/png`.
    ///   - bytes: The file's bytes.
    package init(mediaType: String, bytes: [UInt8]) {
        self.mediaType = mediaType
        self.bytes = bytes
    }

    /// Wraps an image file; the media type is read from its first bytes.
    ///
    /// - Parameter image: A PNG, JPEG or WebP file; anything else travels as `application/octet-stream`.
    package init(image: [UInt8]) {
        let mediaType =
            if image.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
                "image/png"
            } else if image.starts(with: [0xFF, 0xD8]) {
                "image/jpeg"
            } else if image.starts(with: "RIFF".utf8), image.dropFirst(8).starts(with: "WEBP".utf8) {
                "image/webp"
            } else {
                "application/octet-stream"
            }
        self.init(mediaType: mediaType, bytes: image)
    }

    /// Reads a data URI: padded standard base64 without line breaks, and nothing else.
    ///
    /// - Parameter text: The URI.
    /// - Throws: ``DataURIError``.
    package init(_ text: String) throws(DataURIError) {
        guard text.utf8.prefix(5).elementsEqual("data:".utf8) else { throw .scheme }
        guard let comma = text.utf8.firstIndex(of: UInt8(ascii: ",")) else { throw .noComma }
        let header = text[..<comma].dropFirst(5).split(separator: ";", omittingEmptySubsequences: false)
        guard header.count >= 2, header.last?.lowercased() == "base64" else { throw .notBase64 }
        let type = header[0].lowercased()
        guard type.contains("/") else { throw .noMediaType }
        let payload = Data(text.utf8[comma...].dropFirst())
        guard let bytes = Data(base64Encoded: payload) else { throw .malformedBase64 }
        self.init(mediaType: type, bytes: Array(bytes))
    }

    /// The whole URI.
    package var text: String {
        "data:\(mediaType);base64," + Data(bytes).base64EncodedString()
    }
}

/// Why a text is no data URI.
package enum DataURIError: String, Error, CustomStringConvertible {
    /// It does not begin with `data:`.
    case scheme
    /// It has no comma.
    case noComma
    /// It does not say `;base64`.
    case notBase64
    /// It names no media type.
    case noMediaType
    /// What follows the comma is not padded standard base64.
    case malformedBase64

    /// One line: what is wrong, and what to write.
    package var description: String {
        switch self {
        case .scheme: "not a data URI; write data:image/png;base64,… (addresses and paths are not read)"
        case .noComma: "a data URI without a comma; write data:image/png;base64,…"
        case .notBase64: "a data URI that is not base64; write data:image/png;base64,…"
        case .noMediaType: "a data URI without a media type; write data:image/png;base64,…"
        case .malformedBase64: "malformed base64; use the standard alphabet with padding and no line breaks"
        }
    }
}
