/// Why an image could not be written.
package enum EncodeError: Error, Hashable, CustomStringConvertible {
    /// A PNG text keyword is not 1 to 79 Latin-1 characters, or a value is not Latin-1 without zeros.
    case invalidText(keyword: String)
    /// A JPEG quality outside 1...100.
    case invalidQuality(Int)
    /// An image too large for the format: JPEG ends at 65,500 pixels a side.
    case tooLarge(format: ImageFormat, width: Int, height: Int)
    /// The codec library gave up.
    case codec(format: ImageFormat, reason: String)

    /// One line: what failed and what to do.
    package var description: String {
        switch self {
        case .invalidText(let keyword):
            "PNG text \"\(keyword)\": use 1 to 79 Latin-1 characters, and Latin-1 without zeros in the value"
        case .invalidQuality(let quality):
            "JPEG quality \(quality) is outside 1...100; 95 is the default"
        case .tooLarge(let format, let width, let height):
            "an image of \(width)×\(height) pixels does not fit \(format.name); make it smaller"
        case .codec(let format, let reason):
            "\(format.name) could not be written: \(reason)"
        }
    }
}
