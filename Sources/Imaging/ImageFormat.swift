/// The file formats that Imaging reads and writes.
package enum ImageFormat: String, Sendable, Hashable, CaseIterable {
    /// Portable Network Graphics, lossless.
    case png
    /// JPEG, lossy.
    case jpeg

    /// The name for people: "PNG" or "JPEG".
    package var name: String {
        rawValue.uppercased()
    }

    /// The media type: "image/png" or "image/jpeg".
    package var mediaType: String {
        "image/\(rawValue)"
    }
}
