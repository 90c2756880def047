internal import Shared

/// Reads the tensors of a Qwen2.5-VL checkpoint under any of the three generations of names.
///
/// Generation A has `visual.` and `model.`, B `model.visual.` and `model.language_model.`, C (a model saved
/// without its head) `visual.` and `language_model.`; they are brought to `visual.…`, `text.…` and `head`.
///
/// Source: `conversion_mapping.py` in huggingface/transformers 5.23.0.
struct Qwen25VLWeights {
    let tower: Qwen25VLVisionTower
    let decoder: Qwen25VLDecoder
    let parameterCount: Int
    /// How the embedding is stored.
    let elementType: String

    /// Reads and checks all tensors.
    ///
    /// - Parameters:
    ///   - folder: Path of the model folder.
    ///   - configuration: What the tensors must be.
    /// - Throws: ``ModelError/tensors(path:missing:surplus:misshapen:)`` that names every tensor at fault;
    ///   `WeightError` for a damaged file.
    init(folder: String, configuration: Qwen25VLConfiguration) throws {
        let files = try WeightFolder(folder: folder, stem: "model")
        var source = TensorSource(files: files, tied: configuration.tiesEmbeddings)
        try source.check(Self.shapes(configuration))
        let (vision, text) = (configuration.vision, configuration.text)
        tower = Qwen25VLVisionTower(
            configuration: vision,
            patchEmbedding: LinearLayer(
                weight: try source.tensor("visual.patch_embed.proj.weight")
                    .reshaped([vision.hiddenSize, vision.patchLength]),
                bias: nil
            ),
            blocks: try (0..<vision.blockCount).map { try Self.block($0, &source) },
            mergerNorm: try source.tensor("visual.merger.ln_q.weight"),
            mergerFirst: try source.linear("visual.merger.mlp.0", hasBias: true),
            mergerSecond: try source.linear("visual.merger.mlp.2", hasBias: true)
        )
        let embedding = try source.tensor("text.embed_tokens.weight")
        decoder = Qwen25VLDecoder(
            configuration: text,
            embedding: embedding,
            layers: try (0..<text.layerCount).map { try Self.layer($0, &source) },
            finalNorm: try source.tensor("text.norm.weight"),
            head: configuration.tiesEmbeddings ? embedding : try source.tensor("head")
        )
        parameterCount = source.parameterCount
        elementType = source.elementType(of: "text.embed_tokens.weight")
    }

    private static func block(_ index: Int, _ source: inout TensorSource) throws -> Qwen25VLVisionTower.Block
    {
        let name = "visual.blocks.\(index)."
        return Qwen25VLVisionTower.Block(
            firstNorm: try source.tensor(name + "norm1.weight"),
            queriesKeysValues: try source.linear(name + "attn.qkv", hasBias: true),
            projection: try source.linear(name + "attn.proj", hasBias: true),
            secondNorm: try source.tensor(name + "norm2.weight"),
            mlp: try mlp(name, hasBias: true, &source)
        )
    }

    private static func layer(_ index: Int, _ source: inout TensorSource) throws -> Qwen25VLDecoder.Layer {
        let name = "text.layers.\(index)."
        return Qwen25VLDecoder.Layer(
            inputNorm: try source.tensor(name + "input_layernorm.weight"),
            queries: try source.linear(name + "self_attn.q_proj", hasBias: true),
            keys: try source.linear(name + "self_attn.k_proj", hasBias: true),
            values: try source.linear(name + "self_attn.v_proj", hasBias: true),
            output: try source.linear(name + "self_attn.o_proj", hasBias: false),
            attentionNorm: try source.tensor(name + "post_attention_layernorm.weight"),
            mlp: try mlp(name, hasBias: false, &source)
        )
    }

    private static func mlp(_ name: String, hasBias: Bool, _ source: inout TensorSource) throws -> GatedMLP {
        GatedMLP(
            gate: try source.linear(name + "mlp.gate_proj", hasBias: hasBias),
            up: try source.linear(name + "mlp.up_proj", hasBias: hasBias),
            down: try source.linear(name + "mlp.down_proj", hasBias: hasBias)
        )
    }

    /// Name and shape of every tensor of the model.
    static func shapes(_ configuration: Qwen25VLConfiguration) -> [String: [Int]] {
        let (vision, text) = (configuration.vision, configuration.text)
        let (h, f) = (vision.hiddenSize, vision.intermediateSize)
        let merged = h * vision.mergeSize * vision.mergeSize
        var shapes: [String: [Int]] = [:]
        func linear(_ name: String, _ outputs: Int, _ inputs: Int, bias: Bool) {
            shapes[name + ".weight"] = [outputs, inputs]
            if bias {
                shapes[name + ".bias"] = [outputs]
            }
        }
        shapes["visual.patch_embed.proj.weight"] = [
            h, 3, vision.temporalPatchSize, vision.patchSize, vision.patchSize,
        ]
        for index in 0..<vision.blockCount {
            let name = "visual.blocks.\(index)."
            shapes[name + "norm1.weight"] = [h]
            shapes[name + "norm2.weight"] = [h]
            linear(name + "attn.qkv", 3 * h, h, bias: true)
            linear(name + "attn.proj", h, h, bias: true)
            linear(name + "mlp.gate_proj", f, h, bias: true)
            linear(name + "mlp.up_proj", f, h, bias: true)
            linear(name + "mlp.down_proj", h, f, bias: true)
        }
        shapes["visual.merger.ln_q.weight"] = [h]
        linear("visual.merger.mlp.0", merged, merged, bias: true)
        linear("visual.merger.mlp.2", vision.outputSize, merged, bias: true)
        let (width, wide) = (text.hiddenSize, text.intermediateSize)
        let keyWidth = text.keyValueHeadCount * text.headDimension
        shapes["text.embed_tokens.weight"] = [text.vocabularySize, width]
        for index in 0..<text.layerCount {
            let name = "text.layers.\(index)."
            shapes[name + "input_layernorm.weight"] = [width]
            shapes[name + "post_attention_layernorm.weight"] = [width]
            linear(name + "self_attn.q_proj", width, width, bias: true)
            linear(name + "self_attn.k_proj", keyWidth, width, bias: true)
            linear(name + "self_attn.v_proj", keyWidth, width, bias: true)
            linear(name + "self_attn.o_proj", width, width, bias: false)
            linear(name + "mlp.gate_proj", wide, width, bias: false)
            linear(name + "mlp.up_proj", wide, width, bias: false)
            linear(name + "mlp.down_proj", width, wide, bias: false)
        }
        shapes["text.norm.weight"] = [width]
        if !configuration.tiesEmbeddings {
            shapes["head"] = [text.vocabularySize, width]
        }
        return shapes
    }
}
