import Shared

/// The text model of CLIP: token ids to one pooled vector, without the projection.
///
/// Source: huggingface/transformers 5.23.0, `models/clip/modeling_clip.py`, `CLIPTextModel`.
final class CLIPEncoder: Sendable {
    /// What `config.json` says.
    let configuration: CLIPConfiguration
    private let tokenEmbedding: Tensor
    private let positionEmbedding: Tensor
    private let layers: [Layer]
    private let finalNorm: Norm

    private struct Norm: Sendable {
        let weight: Tensor
        let bias: Tensor
    }

    private struct Layer: Sendable {
        let attentionNorm: Norm
        let query: EncoderLinear
        let key: EncoderLinear
        let value: EncoderLinear
        let output: EncoderLinear
        let feedForwardNorm: Norm
        let up: EncoderLinear
        let down: EncoderLinear
    }

    /// Loads `config.json` and `model.safetensors`; tensor names may begin with `text_model.` or not.
    ///
    /// - Parameter folder: The `text_encoder` folder of a policy.
    /// - Throws: ``PolicyError`` or `WeightError` that names the file and the tensors.
    init(folder: String) throws {
        let configuration = try CLIPConfiguration(path: folder + "/config.json")
        var reader = try CheckpointReader(folder: folder, stem: "model")
        let width = configuration.hiddenSize
        let prefix = reader.holds("embeddings.token_embedding.weight") ? "" : "text_model."
        func norm(_ name: String) throws -> Norm {
            Norm(
                weight: try reader.take(prefix + name + ".weight", shape: [width]),
                bias: try reader.take(prefix + name + ".bias", shape: [width])
            )
        }
        func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> EncoderLinear {
            try reader.linear(prefix + name, inputs: inputs, outputs: outputs)
        }
        tokenEmbedding = try reader.take(
            prefix + "embeddings.token_embedding.weight",
            shape: [configuration.vocabularySize, width]
        )
        positionEmbedding = try reader.take(
            prefix + "embeddings.position_embedding.weight",
            shape: [configuration.maximumPositions, width]
        )
        layers = try (0..<configuration.layerCount).map { index in
            let name = "encoder.layers.\(index)."
            return Layer(
                attentionNorm: try norm(name + "layer_norm1"),
                query: try linear(name + "self_attn.q_proj", width, width),
                key: try linear(name + "self_attn.k_proj", width, width),
                value: try linear(name + "self_attn.v_proj", width, width),
                output: try linear(name + "self_attn.out_proj", width, width),
                feedForwardNorm: try norm(name + "layer_norm2"),
                up: try linear(name + "mlp.fc1", width, configuration.intermediateSize),
                down: try linear(name + "mlp.fc2", configuration.intermediateSize, width)
            )
        }
        finalNorm = try norm("final_layer_norm")
        self.configuration = configuration
        try reader.finish(ignoring: [prefix + "embeddings.position_ids"])
    }

    /// Encodes one padded sequence and picks the state at its end token.
    ///
    /// - Parameter ids: Token ids below the vocabulary's size, at most `maximumPositions` of them.
    /// - Returns: `[hiddenSize]`.
    func pooled(_ ids: [Int]) -> Tensor {
        let (heads, width) = (configuration.headCount, configuration.hiddenSize)
        var state = Elementwise.sum(tokenEmbedding.gatheringRows(ids), positionEmbedding.rows(0..<ids.count))
        for layer in layers {
            let rows = normalize(state, layer.attentionNorm)
            let mixed = EncoderAttention.attend(
                query: layer.query(rows),
                key: layer.key(rows),
                value: layer.value(rows),
                heads: heads,
                scale: 1 / Float(width / heads).squareRoot(),
                isCausal: true
            )
            state = Elementwise.sum(state, layer.output(mixed))
            let inner = layer.up(normalize(state, layer.feedForwardNorm))
            state = Elementwise.sum(state, layer.down(Activation.apply(configuration.activation, inner)))
        }
        let position = pooledPosition(ids)
        return normalize(state.rows(position..<position + 1), finalNorm).reshaped([width])
    }

    /// Where the pooled state stands: the first end token; the first of the highest id when the configuration has the
    /// legacy end token 2; the first position when the sequence has no end token.
    func pooledPosition(_ ids: [Int]) -> Int {
        if configuration.endToken == 2 {
            return ids.max().flatMap(ids.firstIndex(of:)) ?? 0
        }
        return ids.firstIndex(of: configuration.endToken) ?? 0
    }

    private func normalize(_ rows: Tensor, _ norm: Norm) -> Tensor {
        rows.layerNormalized(weight: norm.weight, bias: norm.bias, epsilon: configuration.epsilon)
    }
}
