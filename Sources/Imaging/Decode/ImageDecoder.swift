/// From the bytes of a PNG, JPEG or WebP file to pixels.
///
/// The first bytes decide which format it is, never the name; the name stands in errors. The result is 8-bit
/// RGB, upright (the stored orientation is applied, as Pillow's `ImageOps.exif_transpose` does) and
/// composited over white.
package enum ImageDecoder {
    /// Decodes a file that is in memory.
    ///
    /// - Parameters:
    ///   - bytes: The whole file.
    ///   - name: What errors call it: a path, or a place in a request.
    ///   - limits: What the file may ask for.
    /// - Returns: The image.
    /// - Throws: ``DecodeError``.
    package static func decode(
        _ bytes: [UInt8],
        name: String,
        limits: DecodeLimits = .standard
    ) throws -> PixelImage {
        guard !bytes.isEmpty else { throw DecodeError.empty(name: name) }
        try limits.check(name: name, byteCount: bytes.count)
        switch FileSignature(bytes) {
        case .image(.png):
            let chunks = try PNGChunks(bytes, name: name, limits: limits)
            let orientation = Orientation(exif: chunks.exif, xmp: chunks.xmp)
            return try PNGDecoder.decode(bytes, name: name).upright(from: orientation)
        case .image(.webp):
            let chunks = try WebPChunks(bytes, name: name, limits: limits)
            let orientation = Orientation(exif: chunks.exif.map(Array.init), xmp: chunks.xmp)
            return try WebPDecoder.decode(bytes, name: name, limits: limits).upright(from: orientation)
        case .image(.jpeg):
            let segments = try JPEGSegments(bytes, name: name, limits: limits)
            let orientation = Orientation(exif: segments.exif, xmp: segments.xmp)
            return try JPEGDecoder.decode(bytes, name: name, limits: limits).upright(from: orientation)
        case .beginning(let format):
            let reason = "it ends after \(bytes.count) bytes"
            throw DecodeError.truncated(name: name, format: format, reason: reason)
        case .other(let found):
            throw DecodeError.unrecognized(name: name, found: found)
        }
    }

    /// Decodes a file on disk.
    ///
    /// - Parameters:
    ///   - path: Path of a regular file, or of a link to one; errors call it by this path. "-" reads standard input.
    ///   - limits: What the file may ask for; its length is checked before it is read.
    /// - Returns: The image.
    /// - Throws: ``DecodeError``.
    package static func decode(
        contentsOf path: String,
        limits: DecodeLimits = .standard
    ) throws -> PixelImage {
        let name = path == PictureFile.standardInput ? "standard input" : path
        return try decode(PictureFile.read(path, limits: limits), name: name, limits: limits)
    }
}
