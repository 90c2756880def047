import Shared

/// The image autoencoder of a policy: pixels of -1...1 to latents and back, without sampling.
///
/// Images of a batch are coded one after another, so an image has the same bits in any batch.
final class Autoencoder: Sendable {
    /// What the rest of the policy needs to know of the latents.
    let configuration: LatentFormat
    private let encoder: Path
    private let decoder: Path
    private let quantConvolution: Convolution?
    private let postQuantConvolution: Convolution?

    /// The layers of the encoder or of the decoder, in the order in which they run.
    struct Path: Sendable {
        let entry: Convolution
        let before: AutoencoderMiddle?
        let stages: [AutoencoderStage]
        let after: AutoencoderMiddle?
        let norm: any AutoencoderNorm
        let exit: Convolution

        func callAsFunction(_ input: FeatureMap) -> FeatureMap {
            var hidden = entry(input)
            if let before { hidden = before(hidden) }
            for stage in stages { hidden = stage(hidden) }
            if let after { hidden = after(hidden) }
            return exit(norm(hidden, silu: true))
        }
    }

    /// Puts the layers together.
    ///
    /// - Parameters:
    ///   - configuration: What the layers give.
    ///   - encoder: Pixels to means and logarithmic variances.
    ///   - decoder: Latents to pixels.
    ///   - quantConvolution: What follows the encoder.
    ///   - postQuantConvolution: What precedes the decoder.
    init(
        configuration: LatentFormat,
        encoder: Path,
        decoder: Path,
        quantConvolution: Convolution?,
        postQuantConvolution: Convolution?
    ) {
        self.configuration = configuration
        self.encoder = encoder
        self.decoder = decoder
        self.quantConvolution = quantConvolution
        self.postQuantConvolution = postQuantConvolution
    }

    /// The mean of the posterior of every image, neither shifted nor scaled.
    ///
    /// - Parameter pixels: `[batch, height, width, 3]`, -1...1.
    /// - Returns: `[batch, height', width', latentChannels]`; every stage but the last halves a side, rounding down.
    func encode(_ pixels: Tensor) -> Tensor {
        Autoencoder.eachImage(of: pixels) { image in
            let moments = encoder(image)
            let both = (quantConvolution.map { $0(moments) } ?? moments).pixels()
            return both.leadingColumns(configuration.latentChannels)
        }
    }

    /// The image of every latent, not clipped.
    ///
    /// - Parameter latents: `[batch, height, width, latentChannels]`, with scale and shift already undone.
    /// - Returns: `[batch, height · factor, width · factor, 3]`, about -1...1.
    func decode(_ latents: Tensor) -> Tensor {
        Autoencoder.eachImage(of: latents) { image in
            decoder(postQuantConvolution.map { $0(image) } ?? image).pixels()
        }
    }

    private static func eachImage(of batch: Tensor, _ body: (FeatureMap) -> Tensor) -> Tensor {
        let shape = batch.shape
        precondition(shape.count == 4 && shape[0] > 0, "a batch of images has four axes, got \(shape)")
        let rows = shape[1] * shape[2]
        let results = (0..<shape[0]).map { index in
            let image = batch.rows((index * rows)..<((index + 1) * rows))
            return body(FeatureMap(image.reshaped([1, shape[1], shape[2], shape[3]])))
        }
        let shapeOfOne = results[0].shape
        return Tensor.concatenatingRows(results).reshaped([shape[0]] + shapeOfOne.dropFirst())
    }
}
