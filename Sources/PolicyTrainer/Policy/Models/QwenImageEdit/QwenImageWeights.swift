import Shared

/// The weights of a Qwen-Image transformer, in the order in which they are used.
///
/// Source of the names: huggingface/diffusers 0.42.1, `models/transformers/transformer_qwenimage.py`.
struct QwenImageWeights: Sendable {
    /// Packed latents to the image stream.
    var imageEmbedder: LinearLayer
    /// RMS weight of a text state, `[jointDimension]`.
    var textNorm: NormWeight
    /// Text states to the text stream.
    var textEmbedder: LinearLayer
    /// Noise level to the conditioning vector.
    var timestep: ConditionEmbedder
    /// Blocks with two streams.
    var blocks: [DoubleBlock]
    /// Conditioning vector to the last scale and shift.
    var outputModulation: LinearLayer
    /// Image stream to velocity.
    var output: LinearLayer

    /// Reads all tensors and checks that the folder holds no others.
    ///
    /// - Parameters:
    ///   - folder: The opened checkpoint.
    ///   - configuration: Sizes.
    ///   - options: How the weights are kept.
    /// - Throws: `WeightError` that names the missing, surplus or misshapen tensor.
    init(
        folder: any WeightStore,
        configuration: QwenImageConfiguration,
        options: BaseWeightOptions
    ) throws {
        var reader = LayerReader(folder: folder, options: options)
        let (width, head) = (configuration.width, configuration.headDimension)
        imageEmbedder = try reader.linear("img_in", configuration.inputChannels, width)
        textNorm = try reader.norm("txt_norm", configuration.jointDimension)
        textEmbedder = try reader.linear("txt_in", configuration.jointDimension, width)
        timestep = try reader.embedder("time_text_embed.timestep_embedder", TimestepSinusoid.width, width)
        blocks = try (0..<configuration.blockCount).map { index in
            let name = "transformer_blocks.\(index)"
            func names(isText: Bool) -> DoubleBlock.Names {
                let stream = isText ? "txt" : "img"
                return DoubleBlock.Names(
                    attention: "\(name).attn",
                    isText: isText,
                    modulation: "\(name).\(stream)_mod.1",
                    feedForward: "\(name).\(stream)_mlp"
                )
            }
            return DoubleBlock(
                image: try reader.stream(names(isText: false), width: width, headDimension: head),
                text: try reader.stream(names(isText: true), width: width, headDimension: head)
            )
        }
        outputModulation = try reader.linear("norm_out.linear", width, 2 * width)
        output = try reader.linear("proj_out", width, configuration.outputChannels)
        try reader.finish()
    }

    /// All linear layers, in the order of the forward pass.
    var linearLayers: [LinearLayer] {
        [imageEmbedder, textEmbedder, timestep.first, timestep.second] + blocks.flatMap(\.linearLayers)
            + [outputModulation, output]
    }

    /// The weights with an adapter's low-rank terms added to them.
    func merging(_ adapter: LoRAAdapter) -> QwenImageWeights {
        var merged = self
        merged.imageEmbedder = imageEmbedder.merging(adapter)
        merged.textEmbedder = textEmbedder.merging(adapter)
        merged.timestep = timestep.merging(adapter)
        merged.blocks = blocks.map { $0.merging(adapter) }
        merged.outputModulation = outputModulation.merging(adapter)
        merged.output = output.merging(adapter)
        return merged
    }
}
