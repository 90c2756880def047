import Shared

/// The AutoencoderKLQwenImage of a Qwen-Image policy, as the network over rows and columns that one image needs.
///
/// Source: huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl_qwenimage.py`.
extension Autoencoder {
    /// Loads `config.json` and `diffusion_pytorch_model.safetensors` of an AutoencoderKLQwenImage.
    ///
    /// - Parameter folder: The `vae` folder of a Qwen-Image policy.
    /// - Throws: ``PolicyError`` or `WeightError` that names the file and the tensor.
    convenience init(qwenImageFolder folder: String) throws {
        let configuration = try QwenImageAutoencoderConfiguration(path: folder + "/config.json")
        var weights = try QwenImageAutoencoderWeights(folder: folder)
        let latent = configuration.latentChannels
        let encoder = try Autoencoder.encoder(configuration, weights: &weights)
        let decoder = try Autoencoder.decoder(configuration, weights: &weights)
        let quant = try weights.convolution(
            "quant_conv",
            inputs: 2 * latent,
            outputs: 2 * latent,
            side: 1
        )
        let postQuant = try weights.convolution(
            "post_quant_conv",
            inputs: latent,
            outputs: latent,
            side: 1
        )
        try weights.finish()
        self.init(
            configuration: configuration.latentFormat,
            encoder: encoder,
            decoder: decoder,
            quantConvolution: quant,
            postQuantConvolution: postQuant
        )
    }

    private static func encoder(
        _ configuration: QwenImageAutoencoderConfiguration,
        weights: inout QwenImageAutoencoderWeights
    ) throws -> Path {
        let channels = configuration.blockChannels
        var width = configuration.entryChannels
        let entry = try weights.convolution("encoder.conv_in", inputs: 3, outputs: width, side: 3)
        var stages: [AutoencoderStage] = []
        // The checkpoint numbers the layers of all resolutions through.
        var layer = 0
        func next() -> String {
            defer { layer += 1 }
            return "encoder.down_blocks.\(layer)"
        }
        for (index, outputs) in channels.enumerated() {
            var residuals: [AutoencoderResidual] = []
            for _ in 0..<configuration.layersPerBlock {
                residuals.append(try weights.residual(next(), inputs: width, outputs: outputs))
                width = outputs
            }
            let isLast = index == channels.count - 1
            let resize =
                isLast
                ? nil
                : try weights.resize(
                    next(),
                    inputs: width,
                    outputs: width,
                    motion: .halving,
                    changesTime: configuration.halvesTime[index]
                )
            stages.append(AutoencoderStage(residuals: residuals, resize: resize))
        }
        return Path(
            entry: entry,
            before: nil,
            stages: stages,
            after: try weights.middle("encoder.mid_block", channels: width),
            norm: try weights.norm("encoder.norm_out", channels: width),
            exit: try weights.convolution(
                "encoder.conv_out",
                inputs: width,
                outputs: 2 * configuration.latentChannels,
                side: 3
            )
        )
    }

    private static func decoder(
        _ configuration: QwenImageAutoencoderConfiguration,
        weights: inout QwenImageAutoencoderWeights
    ) throws -> Path {
        let channels = Array(configuration.blockChannels.reversed())
        let changesTime = Array(configuration.halvesTime.reversed())
        var width = channels[0]
        let entry = try weights.convolution(
            "decoder.conv_in",
            inputs: configuration.latentChannels,
            outputs: width,
            side: 3
        )
        let middle = try weights.middle("decoder.mid_block", channels: width)
        var stages: [AutoencoderStage] = []
        for (index, outputs) in channels.enumerated() {
            let name = "decoder.up_blocks.\(index)"
            var residuals: [AutoencoderResidual] = []
            for layer in 0...configuration.layersPerBlock {
                residuals.append(
                    try weights.residual(name + ".resnets.\(layer)", inputs: width, outputs: outputs)
                )
                width = outputs
            }
            var resize: Convolution?
            if index < channels.count - 1 {
                // Doubling the image halves its channels.
                resize = try weights.resize(
                    name + ".upsamplers.0",
                    inputs: width,
                    outputs: width / 2,
                    motion: .doubling,
                    changesTime: changesTime[index]
                )
                width /= 2
            }
            stages.append(AutoencoderStage(residuals: residuals, resize: resize))
        }
        return Path(
            entry: entry,
            before: middle,
            stages: stages,
            after: nil,
            norm: try weights.norm("decoder.norm_out", channels: width),
            exit: try weights.convolution("decoder.conv_out", inputs: width, outputs: 3, side: 3)
        )
    }
}
