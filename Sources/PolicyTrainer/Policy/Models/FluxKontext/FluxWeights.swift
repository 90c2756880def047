import Shared

/// The weights of a FLUX transformer, in the order in which they are used.
struct FluxWeights: Sendable {
    /// Packed latents to the image stream.
    var imageEmbedder: LinearLayer
    /// Text states to the text stream.
    var textEmbedder: LinearLayer
    /// Noise level to the conditioning vector.
    var timestep: ConditionEmbedder
    /// Guidance strength to the conditioning vector; nil when the model has no such input.
    var guidance: ConditionEmbedder?
    /// Pooled text to the conditioning vector.
    var pooled: ConditionEmbedder
    /// Blocks with two streams.
    var doubleBlocks: [DoubleBlock]
    /// Blocks with one stream.
    var singleBlocks: [FluxSingleBlock]
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
    init(folder: any WeightStore, configuration: FluxConfiguration, options: BaseWeightOptions) throws {
        var loader = LayerReader(folder: folder, options: options)
        let width = configuration.width
        imageEmbedder = try loader.linear("x_embedder", configuration.inputChannels, width)
        textEmbedder = try loader.linear("context_embedder", configuration.jointDimension, width)
        let embed = "time_text_embed"
        timestep = try loader.embedder("\(embed).timestep_embedder", TimestepSinusoid.width, width)
        guidance =
            configuration.hasGuidance
            ? try loader.embedder("\(embed).guidance_embedder", TimestepSinusoid.width, width) : nil
        pooled = try loader.embedder("\(embed).text_embedder", configuration.pooledDimension, width)
        doubleBlocks = try (0..<configuration.doubleBlockCount).map {
            try loader.doubleBlock("transformer_blocks.\($0)", configuration)
        }
        singleBlocks = try (0..<configuration.singleBlockCount).map {
            try loader.singleBlock("single_transformer_blocks.\($0)", configuration)
        }
        outputModulation = try loader.linear("norm_out.linear", width, 2 * width)
        output = try loader.linear("proj_out", width, configuration.outputChannels)
        try loader.finish()
    }

    /// All linear layers, in the order of the forward pass.
    var linearLayers: [LinearLayer] {
        var layers = [imageEmbedder, textEmbedder]
        for embedder in [timestep, guidance, pooled].compactMap({ $0 }) {
            layers += [embedder.first, embedder.second]
        }
        for block in doubleBlocks {
            layers += block.linearLayers
        }
        for block in singleBlocks {
            layers += [block.modulation, block.projections, block.merge]
        }
        return layers + [outputModulation, output]
    }

    /// The weights with an adapter's low-rank terms added to them.
    func merging(_ adapter: LoRAAdapter) -> FluxWeights {
        var merged = self
        func merge(_ layer: inout LinearLayer) { layer = layer.merging(adapter) }
        merge(&merged.imageEmbedder)
        merge(&merged.textEmbedder)
        merged.timestep = timestep.merging(adapter)
        merged.guidance = guidance?.merging(adapter)
        merged.pooled = pooled.merging(adapter)
        merged.doubleBlocks = doubleBlocks.map { $0.merging(adapter) }
        for index in singleBlocks.indices {
            merge(&merged.singleBlocks[index].modulation)
            merge(&merged.singleBlocks[index].projections)
            merge(&merged.singleBlocks[index].merge)
        }
        merge(&merged.outputModulation)
        merge(&merged.output)
        return merged
    }
}

/// Source of the names: huggingface/diffusers 0.42.1, `models/transformers/transformer_flux.py`.
extension LayerReader {
    /// A block with two streams, by its module path.
    mutating func doubleBlock(_ name: String, _ configuration: FluxConfiguration) throws
        -> DoubleBlock
    {
        let (width, head) = (configuration.width, configuration.headDimension)
        let image = DoubleBlock.Names(
            attention: name + ".attn",
            isText: false,
            modulation: "\(name).norm1.linear",
            feedForward: "\(name).ff"
        )
        let text = DoubleBlock.Names(
            attention: name + ".attn",
            isText: true,
            modulation: "\(name).norm1_context.linear",
            feedForward: "\(name).ff_context"
        )
        return DoubleBlock(
            image: try stream(image, width: width, headDimension: head),
            text: try stream(text, width: width, headDimension: head)
        )
    }

    /// A block with one stream, by its module path.
    mutating func singleBlock(_ name: String, _ configuration: FluxConfiguration) throws
        -> FluxSingleBlock
    {
        let (width, hidden, head) = (
            configuration.width, configuration.feedForwardWidth, configuration.headDimension
        )
        return FluxSingleBlock(
            modulation: try linear("\(name).norm.linear", width, 3 * width),
            projections: try linear(
                [
                    ("\(name).attn.to_q", width), ("\(name).attn.to_k", width), ("\(name).attn.to_v", width),
                    ("\(name).proj_mlp", hidden),
                ],
                width
            ),
            queryNorm: try norm("\(name).attn.norm_q", head),
            keyNorm: try norm("\(name).attn.norm_k", head),
            merge: try linear("\(name).proj_out", width + hidden, width)
        )
    }
}
