import Imaging
import Shared

/// Pixels to packed latents and back: what the transformer sees of a picture.
///
/// Source: huggingface/diffusers 0.42.1, `image_processor.py`, `pipelines/flux/pipeline_flux_kontext.py` and
/// `pipelines/qwenimage/pipeline_qwenimage_edit_plus.py`.
struct ImageConditioner: Sendable {
    /// The image autoencoder.
    let autoencoder: Autoencoder

    /// Pixels of a side per token: the autoencoder's factor times the 2 of the packing.
    var tokenSide: Int { 2 * autoencoder.configuration.spatialFactor }

    /// Channels of a packed token.
    var channels: Int { 4 * autoencoder.configuration.latentChannels }

    /// A picture in the size of a grid of tokens, resized (Lanczos) when it has another.
    func fitted(_ image: PixelImage, to grid: TokenGrid) -> PixelImage {
        let (width, height) = (grid.columns * tokenSide, grid.rows * tokenSide)
        return image.width == width && image.height == height
            ? image : image.resized(width: width, height: height, filter: .lanczos)
    }

    /// The packed latents of pictures: the mode of the posterior, shifted and scaled.
    ///
    /// - Parameter images: Pictures whose sides are multiples of ``tokenSide``.
    /// - Returns: One `[tokens, channels]` per picture, tokens row by row.
    /// - Throws: ``PolicyError/size(width:height:multiple:)``.
    func latents(_ images: [PixelImage]) throws -> [Tensor] {
        try images.map { image in
            guard image.width % tokenSide == 0, image.height % tokenSide == 0 else {
                throw PolicyError.size(width: image.width, height: image.height, multiple: tokenSide)
            }
            let pixels = Tensor(
                image.pixels.map { 2 * (Float($0) / 255) - 1 },
                shape: [1, image.height, image.width, 3]
            )
            let latent = autoencoder.configuration.normalized(autoencoder.encode(pixels))
            let packed = LatentPacking.pack(latent)
            return packed.reshaped([packed.shape[1], packed.shape[2]])
        }
    }

    /// The pictures of packed latents.
    ///
    /// - Parameters:
    ///   - packed: `[tokens, channels]` per picture.
    ///   - grid: How the tokens stand.
    /// - Returns: 8-bit pictures of `grid` times ``tokenSide`` pixels.
    func decode(_ packed: [Tensor], grid: TokenGrid) -> [PixelImage] {
        packed.map { tokens in
            let latent = LatentPacking.unpack(
                tokens.reshaped([1, grid.rows * grid.columns, channels]),
                rows: grid.rows,
                columns: grid.columns
            )
            let image = autoencoder.decode(autoencoder.configuration.denormalized(latent))
            let pixels = unsafe image.withUnsafeBuffer { values in
                unsafe values.map { value in
                    let unit = min(1, max(0, value * 0.5 + 0.5))
                    // A NaN falls to black, as a picture has no better place for it.
                    return UInt8((unit * 255).rounded(.toNearestOrEven))
                }
            }
            return PixelImage(width: image.shape[2], height: image.shape[1], pixels: pixels)
        }
    }
}
