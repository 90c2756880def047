internal import Shared

/// The image autoencoder of a FLUX policy: pixels of -1...1 to latents and back, without sampling.
///
/// Images of a batch are coded one after another, so an image has the same bits in any batch.
/// Source: huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl.py` and `vae.py`.
final class Autoencoder: Sendable {
    /// What `config.json` says.
    let configuration: AutoencoderConfiguration
    private let encoder: Path
    private let decoder: Path
    private let quantConvolution: Convolution?
    private let postQuantConvolution: Convolution?

    /// The layers of the encoder or of the decoder, in the order in which they run.
    private struct Path: Sendable {
        let entry: Convolution
        let before: AutoencoderMiddle?
        let stages: [AutoencoderStage]
        let after: AutoencoderMiddle?
        let norm: GroupNorm
        let exit: Convolution

        func callAsFunction(_ input: FeatureMap) -> FeatureMap {
            var hidden = entry(input)
            if let before { hidden = before(hidden) }
            for stage in stages { hidden = stage(hidden) }
            if let after { hidden = after(hidden) }
            return exit(norm(hidden, silu: true))
        }
    }

    /// Loads `config.json` and `diffusion_pytorch_model.safetensors`.
    ///
    /// - Parameter folder: The `vae` folder of a policy.
    /// - Throws: ``PolicyError`` or `WeightError` that names the file and the tensor.
    init(folder: String) throws {
        configuration = try AutoencoderConfiguration(path: folder + "/config.json")
        var weights = try AutoencoderWeights(folder: folder, groups: configuration.groups)
        encoder = try Autoencoder.encoder(configuration, weights: &weights)
        decoder = try Autoencoder.decoder(configuration, weights: &weights)
        let latent = configuration.latentChannels
        quantConvolution =
            configuration.hasQuantConvolution
            ? try weights.convolution("quant_conv", inputs: 2 * latent, outputs: 2 * latent, side: 1) : nil
        postQuantConvolution =
            configuration.hasPostQuantConvolution
            ? try weights.convolution("post_quant_conv", inputs: latent, outputs: latent, side: 1) : nil
        try weights.finish()
    }

    private static func encoder(
        _ configuration: AutoencoderConfiguration,
        weights: inout AutoencoderWeights
    ) throws -> Path {
        let channels = configuration.blockChannels
        let coarsest = channels[channels.count - 1]
        let entry = try weights.convolution("encoder.conv_in", inputs: 3, outputs: channels[0], side: 3)
        var stages: [AutoencoderStage] = []
        var width = channels[0]
        for (index, next) in channels.enumerated() {
            let name = "encoder.down_blocks.\(index)"
            var residuals: [AutoencoderResidual] = []
            for layer in 0..<configuration.layersPerBlock {
                residuals.append(
                    try weights.residual(name + ".resnets.\(layer)", inputs: width, outputs: next)
                )
                width = next
            }
            let isLast = index == channels.count - 1
            let resize =
                isLast
                ? nil
                : try weights.convolution(
                    name + ".downsamplers.0.conv",
                    inputs: next,
                    outputs: next,
                    side: 3,
                    motion: .halving
                )
            stages.append(AutoencoderStage(residuals: residuals, resize: resize))
        }
        return Path(
            entry: entry,
            before: nil,
            stages: stages,
            after: try weights.middle(
                "encoder.mid_block",
                channels: coarsest,
                attends: configuration.hasMiddleAttention
            ),
            norm: try weights.norm("encoder.conv_norm_out", channels: coarsest),
            exit: try weights.convolution(
                "encoder.conv_out",
                inputs: coarsest,
                outputs: 2 * configuration.latentChannels,
                side: 3
            )
        )
    }

    private static func decoder(
        _ configuration: AutoencoderConfiguration,
        weights: inout AutoencoderWeights
    ) throws -> Path {
        let channels = configuration.blockChannels
        let coarsest = channels[channels.count - 1]
        let entry = try weights.convolution(
            "decoder.conv_in",
            inputs: configuration.latentChannels,
            outputs: coarsest,
            side: 3
        )
        let middle = try weights.middle(
            "decoder.mid_block",
            channels: coarsest,
            attends: configuration.hasMiddleAttention
        )
        var stages: [AutoencoderStage] = []
        var width = coarsest
        for (index, next) in channels.reversed().enumerated() {
            let name = "decoder.up_blocks.\(index)"
            var residuals: [AutoencoderResidual] = []
            for layer in 0...configuration.layersPerBlock {
                residuals.append(
                    try weights.residual(name + ".resnets.\(layer)", inputs: width, outputs: next)
                )
                width = next
            }
            let isLast = index == channels.count - 1
            let resize =
                isLast
                ? nil
                : try weights.convolution(
                    name + ".upsamplers.0.conv",
                    inputs: next,
                    outputs: next,
                    side: 3,
                    motion: .doubling
                )
            stages.append(AutoencoderStage(residuals: residuals, resize: resize))
        }
        return Path(
            entry: entry,
            before: middle,
            stages: stages,
            after: nil,
            norm: try weights.norm("decoder.conv_norm_out", channels: width),
            exit: try weights.convolution("decoder.conv_out", inputs: width, outputs: 3, side: 3)
        )
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
