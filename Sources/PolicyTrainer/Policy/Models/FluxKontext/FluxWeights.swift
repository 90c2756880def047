internal import Shared

/// The weights of a FLUX transformer, in the order in which they are used.
struct FluxWeights: Sendable {
    /// Two linear maps with a SiLU between them.
    struct Embedder: Sendable {
        var first: LinearLayer
        var second: LinearLayer
    }

    /// Packed latents to the image stream.
    var imageEmbedder: LinearLayer
    /// Text states to the text stream.
    var textEmbedder: LinearLayer
    /// Noise level to the conditioning vector.
    var timestep: Embedder
    /// Guidance strength to the conditioning vector; nil when the model has no such input.
    var guidance: Embedder?
    /// Pooled text to the conditioning vector.
    var pooled: Embedder
    /// Blocks with two streams.
    var doubleBlocks: [FluxDoubleBlock]
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
    /// - Throws: `WeightError` that names the missing, surplus or misshapen tensor.
    init(folder: any WeightStore, configuration: FluxConfiguration) throws {
        var loader = Loader(folder: folder)
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
        let surplus = folder.names.filter { !loader.seen.contains($0) }
        guard surplus.isEmpty else { throw WeightError.surplus(names: surplus, path: folder.path) }
    }

    /// All linear layers, in the order of the forward pass.
    var linearLayers: [LinearLayer] {
        var layers = [imageEmbedder, textEmbedder]
        for embedder in [timestep, guidance, pooled].compactMap({ $0 }) {
            layers += [embedder.first, embedder.second]
        }
        for block in doubleBlocks {
            for stream in [block.image, block.text] {
                layers += [
                    stream.modulation, stream.projections, stream.merge, stream.expand, stream.contract,
                ]
            }
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
        func merge(_ embedder: inout Embedder) {
            merge(&embedder.first)
            merge(&embedder.second)
        }
        merge(&merged.imageEmbedder)
        merge(&merged.textEmbedder)
        merge(&merged.timestep)
        merged.guidance = guidance.map { embedder in
            var copy = embedder
            merge(&copy)
            return copy
        }
        merge(&merged.pooled)
        for index in doubleBlocks.indices {
            for path in [\FluxDoubleBlock.image, \FluxDoubleBlock.text] {
                merge(&merged.doubleBlocks[index][keyPath: path].modulation)
                merge(&merged.doubleBlocks[index][keyPath: path].projections)
                merge(&merged.doubleBlocks[index][keyPath: path].merge)
                merge(&merged.doubleBlocks[index][keyPath: path].expand)
                merge(&merged.doubleBlocks[index][keyPath: path].contract)
            }
        }
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

/// Reads tensors of a checkpoint by their upstream names and remembers which.
///
/// Source of the names: policies.md 1.2; huggingface/diffusers 0.42.1, `models/transformers/transformer_flux.py`.
private struct Loader {
    let folder: any WeightStore
    var seen: Set<String> = []

    init(folder: any WeightStore) {
        self.folder = folder
    }

    mutating func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        seen.insert(name)
        return try folder.tensor(name, shape: shape)
    }

    mutating func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> LinearLayer {
        try linear([(name, outputs)], inputs)
    }

    /// Several maps of one input as one layer.
    mutating func linear(_ maps: [(name: String, outputs: Int)], _ inputs: Int) throws -> LinearLayer {
        var parts: [LinearLayer.Part] = []
        var weights: [Tensor] = []
        var biases: [Tensor] = []
        for (name, outputs) in maps {
            weights.append(try tensor("\(name).weight", [outputs, inputs]))
            biases.append(try tensor("\(name).bias", [outputs]).reshaped([outputs, 1]))
            let start = parts.last?.columns.upperBound ?? 0
            parts.append(LinearLayer.Part(name: name, columns: start..<(start + outputs)))
        }
        if maps.count == 1 {
            return LinearLayer(weight: weights[0], bias: biases[0], parts: parts)
        }
        return LinearLayer(
            weight: Tensor.concatenatingRows(weights),
            bias: Tensor.concatenatingRows(biases),
            parts: parts
        )
    }

    mutating func embedder(_ name: String, _ inputs: Int, _ width: Int) throws -> FluxWeights.Embedder {
        FluxWeights.Embedder(
            first: try linear("\(name).linear_1", inputs, width),
            second: try linear("\(name).linear_2", width, width)
        )
    }

    mutating func doubleBlock(_ name: String, _ configuration: FluxConfiguration) throws -> FluxDoubleBlock {
        let (width, hidden, head) = (
            configuration.width, configuration.feedForwardWidth, configuration.headDimension
        )
        func maps(_ names: [String]) -> [(name: String, outputs: Int)] {
            names.map { ("\(name).attn.\($0)", width) }
        }
        let image = FluxDoubleBlock.Stream(
            modulation: try linear("\(name).norm1.linear", width, 6 * width),
            projections: try linear(maps(["to_q", "to_k", "to_v"]), width),
            queryNorm: try tensor("\(name).attn.norm_q.weight", [head]),
            keyNorm: try tensor("\(name).attn.norm_k.weight", [head]),
            merge: try linear("\(name).attn.to_out.0", width, width),
            expand: try linear("\(name).ff.net.0.proj", width, hidden),
            contract: try linear("\(name).ff.net.2", hidden, width)
        )
        let text = FluxDoubleBlock.Stream(
            modulation: try linear("\(name).norm1_context.linear", width, 6 * width),
            projections: try linear(maps(["add_q_proj", "add_k_proj", "add_v_proj"]), width),
            queryNorm: try tensor("\(name).attn.norm_added_q.weight", [head]),
            keyNorm: try tensor("\(name).attn.norm_added_k.weight", [head]),
            merge: try linear("\(name).attn.to_add_out", width, width),
            expand: try linear("\(name).ff_context.net.0.proj", width, hidden),
            contract: try linear("\(name).ff_context.net.2", hidden, width)
        )
        return FluxDoubleBlock(image: image, text: text)
    }

    mutating func singleBlock(_ name: String, _ configuration: FluxConfiguration) throws -> FluxSingleBlock {
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
            queryNorm: try tensor("\(name).attn.norm_q.weight", [head]),
            keyNorm: try tensor("\(name).attn.norm_k.weight", [head]),
            merge: try linear("\(name).proj_out", width + hidden, width)
        )
    }
}
