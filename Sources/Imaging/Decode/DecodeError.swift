/// Why a file could not be decoded; every case names the file.
package enum DecodeError: Error, Hashable, CustomStringConvertible {
    /// The file has no bytes.
    case empty(name: String)
    /// The bytes are no format that Imaging reads; `found` says what they look like.
    case unrecognized(name: String, found: String)
    /// The file ends before its picture is complete.
    case truncated(name: String, format: ImageFormat, reason: String)
    /// The file breaks its format.
    case corrupt(name: String, format: ImageFormat, reason: String)
    /// The file is legal but of a kind that Imaging does not read.
    case unsupported(name: String, format: ImageFormat, reason: String)
    /// The file is longer than ``DecodeLimits/maximumBytes``.
    case tooManyBytes(name: String, count: Int, limit: Int)
    /// The picture is larger than ``DecodeLimits/maximumPixels``.
    case tooManyPixels(name: String, width: Int, height: Int, limit: Int)
    /// The file holds more metadata than ``DecodeLimits/maximumMetadataBytes``.
    case tooMuchMetadata(name: String, bytes: Int, limit: Int)
    /// The file holds more metadata parts than ``DecodeLimits/maximumMetadataParts``.
    case tooManyMetadataParts(name: String, limit: Int)
    /// The file could not be opened or read.
    case unreadable(name: String, reason: String)

    /// One line: the file, the reason, the remedy.
    package var description: String {
        switch self {
        case .empty(let name):
            "\(name): the file is empty (0 bytes); write it again"
        case .unrecognized(let name, let found):
            "\(name): this is \(found), not PNG, JPEG or WebP, whatever its name says; convert it to PNG or JPEG"
        case .truncated(let name, let format, let reason):
            "\(name): truncated \(format.name) (\(reason)); copy or download it again"
        case .corrupt(let name, let format, let reason):
            "\(name): damaged \(format.name) (\(reason)); write it again"
        case .unsupported(let name, let format, let reason):
            "\(name): unsupported \(format.name) (\(reason)); save it as 8-bit RGB PNG"
        case .tooManyBytes(let name, let count, let limit):
            "\(name): \(count) bytes are over the limit of \(limit); compress the image or make it smaller"
        case .tooManyPixels(let name, let width, let height, let limit):
            "\(name): \(width)×\(height) pixels are over the limit of \(limit) pixels; make the image smaller"
        case .tooMuchMetadata(let name, let bytes, let limit):
            "\(name): \(bytes) bytes of metadata are over the limit of \(limit); strip the metadata"
        case .tooManyMetadataParts(let name, let limit):
            "\(name): more than \(limit) pieces of metadata; strip the metadata"
        case .unreadable(let name, let reason):
            "\(name): cannot be read (\(reason)); check the path and its permissions"
        }
    }

    /// The file that the error is about.
    package var name: String {
        switch self {
        case .empty(let name), .unrecognized(let name, _), .truncated(let name, _, _),
            .corrupt(let name, _, _),
            .unsupported(let name, _, _), .tooManyBytes(let name, _, _), .tooManyPixels(let name, _, _, _),
            .tooMuchMetadata(let name, _, _), .tooManyMetadataParts(let name, _), .unreadable(let name, _):
            name
        }
    }
}
