import Imaging

/// Loads dataset images the way training sees them: square, at the run's resolution.
///
/// The judge sees the same pixels as the policy.
///
/// Source: PKU-YuanGroup/Edit-R1, dataset class of the training scripts: centre crop to the shorter side,
/// Lanczos.
enum ExampleImage {
    /// Reads an image, crops its centre to a square and resizes it.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - resolution: Side of the result in pixels.
    /// - Returns: An image of `resolution` × `resolution` pixels.
    /// - Throws: `DecodeError` that names the file.
    static func load(_ path: String, resolution: Int) throws -> PixelImage {
        let image = try ImageDecoder.decode(contentsOf: path)
        let side = min(image.width, image.height)
        return try image.centerCropped(width: side, height: side)
            .resized(width: resolution, height: resolution, filter: .lanczos)
    }
}
