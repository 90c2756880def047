import Shared

extension DecoderConfiguration {
    /// Name and shape of every tensor of the decoder but an own head, by the names of ``TensorSource``.
    var shapes: [String: [Int]] {
        var shapes = TensorShapes()
        shapes.add("text.embed_tokens.weight", [vocabularySize, hiddenSize])
        for index in 0..<layerCount {
            let name = "text.layers.\(index)."
            shapes.norm(name + "input_layernorm", width: hiddenSize, bias: false)
            shapes.norm(name + "post_attention_layernorm", width: hiddenSize, bias: false)
            for (part, width) in [("q_proj", queryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)] {
                shapes.linear(
                    name + "self_attn." + part,
                    outputs: width,
                    inputs: hiddenSize,
                    bias: traits.hasBias
                )
            }
            shapes.linear(name + "self_attn.o_proj", outputs: hiddenSize, inputs: queryWidth, bias: false)
            if traits.normalizesHeads {
                shapes.norm(name + "self_attn.q_norm", width: headDimension, bias: false)
                shapes.norm(name + "self_attn.k_norm", width: headDimension, bias: false)
            }
            shapes.linear(name + "mlp.gate_proj", outputs: intermediateSize, inputs: hiddenSize, bias: false)
            shapes.linear(name + "mlp.up_proj", outputs: intermediateSize, inputs: hiddenSize, bias: false)
            shapes.linear(name + "mlp.down_proj", outputs: hiddenSize, inputs: intermediateSize, bias: false)
        }
        shapes.norm("text.norm", width: hiddenSize, bias: false)
        return shapes.shapes
    }
}

extension LanguageDecoder {
    /// Reads the decoder of a checkpoint.
    init(_ configuration: DecoderConfiguration, _ source: TensorSource) throws {
        let embedding = try source.matrix("text.embed_tokens.weight")
        self.init(
            configuration: configuration,
            embedding: embedding,
            layers: try (0..<configuration.layerCount).map {
                try Self.layer($0, configuration.traits, source)
            },
            finalNorm: try source.tensor("text.norm.weight"),
            head: source.tiesEmbeddings ? embedding : try source.matrix("head")
        )
    }

    private static func layer(
        _ index: Int,
        _ traits: DecoderConfiguration.Traits,
        _ source: TensorSource
    ) throws -> Layer {
        let name = "text.layers.\(index)."
        return Layer(
            inputNorm: try source.tensor(name + "input_layernorm.weight"),
            queries: try source.linear(name + "self_attn.q_proj", hasBias: traits.hasBias),
            keys: try source.linear(name + "self_attn.k_proj", hasBias: traits.hasBias),
            values: try source.linear(name + "self_attn.v_proj", hasBias: traits.hasBias),
            queryNorm: traits.normalizesHeads ? try source.tensor(name + "self_attn.q_norm.weight") : nil,
            keyNorm: traits.normalizesHeads ? try source.tensor(name + "self_attn.k_norm.weight") : nil,
            output: try source.linear(name + "self_attn.o_proj", hasBias: false),
            attentionNorm: try source.tensor(name + "post_attention_layernorm.weight"),
            mlp: GatedMLP(
                gate: try source.linear(name + "mlp.gate_proj", hasBias: false),
                up: try source.linear(name + "mlp.up_proj", hasBias: false),
                down: try source.linear(name + "mlp.down_proj", hasBias: false)
            )
        )
    }
}
