import Shared

/// The AutoencoderKL of a FLUX policy.
///
/// Source: huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl.py` and `vae.py`.
extension Autoencoder {
    /// Loads `config.json` and `diffusion_pytorch_model.safetensors`.
    ///
    /// - Parameter folder: The `vae` folder of a policy.
    /// - Throws: ``PolicyError`` or `WeightError` that names the file and the tensor.
    convenience init(folder: String) throws {
        let configuration = try AutoencoderConfiguration(path: folder + "/config.json")
        var weights = try AutoencoderWeights(folder: folder, groups: configuration.groups)
        let encoder = try Autoencoder.encoder(configuration, weights: &weights)
        let decoder = try Autoencoder.decoder(configuration, weights: &weights)
        let latent = configuration.latentChannels
        let quantConvolution =
            configuration.hasQuantConvolution
            ? try weights.convolution("quant_conv", inputs: 2 * latent, outputs: 2 * latent, side: 1)
            : nil
        let postQuantConvolution =
            configuration.hasPostQuantConvolution
            ? try weights.convolution("post_quant_conv", inputs: latent, outputs: latent, side: 1) : nil
        try weights.finish()
        self.init(
            configuration: configuration.latentFormat,
            encoder: encoder,
            decoder: decoder,
            quantConvolution: quantConvolution,
            postQuantConvolution: postQuantConvolution
        )
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
}
