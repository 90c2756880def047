/// The file formats that Imaging reads and writes.
public enum ImageFormat: String, Sendable, Hashable, CaseIterable {
    /// Portable Network Graphics, lossless.
    case png
    /// JPEG, lossy.
    case jpeg

    /// The name for people: "PNG" or "JPEG".
    public var name: String {
        rawValue.uppercased()
    }

    /// The media type: "image/png" or "image/jpeg".
    public var mediaType: String {
        "image/\(rawValue)"
    }
}
