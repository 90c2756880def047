/// The file formats that Imaging reads and writes.
package enum ImageFormat: String, Sendable, Hashable, CaseIterable {
    /// Portable Network Graphics, lossless.
    case png
    /// JPEG, lossy.
    case jpeg
    /// WebP, lossy or lossless; read only.
    case webp

    /// The name for people: "PNG", "JPEG" or "WebP".
    package var name: String {
        self == .webp ? "WebP" : rawValue.uppercased()
    }

    /// The media type: "image/png", "image/jpeg" or "image/webp".
    package var mediaType: String {
        "image/\(rawValue)"
    }
}
