import Foundation
import Shared

/// The encoder of T5 version 1.1: token ids to a state per token, without an attention mask.
///
/// Padding is attended to like any token, so the padded length is part of the input.
/// Source: huggingface/transformers 5.23.0, `models/t5/modeling_t5.py`.
final class T5Encoder: Sendable {
    /// What `config.json` says.
    let configuration: T5Configuration
    private let embedding: WeightMatrix
    private let relativeBias: Tensor
    private let layers: [Layer]
    private let finalNorm: Tensor

    private struct Layer: Sendable {
        let attentionNorm: Tensor
        let query: EncoderLinear
        let key: EncoderLinear
        let value: EncoderLinear
        let output: EncoderLinear
        let feedForwardNorm: Tensor
        let gate: EncoderLinear
        let linear: EncoderLinear
        let down: EncoderLinear
    }

    /// Loads `config.json` and `model.safetensors` or its shards.
    ///
    /// - Parameter folder: The `text_encoder_2` folder of a policy.
    /// - Throws: ``PolicyError`` or `WeightError` that names the file and the tensors.
    init(folder: String) throws {
        let configuration = try T5Configuration(path: folder + "/config.json")
        var reader = try CheckpointReader(folder: folder, stem: "model")
        let (width, inner) = (configuration.hiddenSize, configuration.headCount * configuration.headDimension)
        let names = ["shared.weight", "encoder.embed_tokens.weight"]
        embedding = try reader.matrix(
            reader.holds(names[0]) ? names[0] : reader.holds(names[1]) ? names[1] : names[0],
            shape: [configuration.vocabularySize, width]
        )
        relativeBias = try reader.take(
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            shape: [configuration.bucketCount, configuration.headCount]
        )
        var layers: [Layer] = []
        for index in 0..<configuration.layerCount {
            let attention = "encoder.block.\(index).layer.0."
            let feedForward = "encoder.block.\(index).layer.1."
            func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> EncoderLinear {
                try reader.linear(name, inputs: inputs, outputs: outputs, hasBias: false)
            }
            layers.append(
                Layer(
                    attentionNorm: try reader.take(attention + "layer_norm.weight", shape: [width]),
                    query: try linear(attention + "SelfAttention.q", width, inner),
                    key: try linear(attention + "SelfAttention.k", width, inner),
                    value: try linear(attention + "SelfAttention.v", width, inner),
                    output: try linear(attention + "SelfAttention.o", inner, width),
                    feedForwardNorm: try reader.take(feedForward + "layer_norm.weight", shape: [width]),
                    gate: try linear(
                        feedForward + "DenseReluDense.wi_0",
                        width,
                        configuration.intermediateSize
                    ),
                    linear: try linear(
                        feedForward + "DenseReluDense.wi_1",
                        width,
                        configuration.intermediateSize
                    ),
                    down: try linear(
                        feedForward + "DenseReluDense.wo",
                        configuration.intermediateSize,
                        width
                    )
                )
            )
        }
        self.layers = layers
        finalNorm = try reader.take("encoder.final_layer_norm.weight", shape: [width])
        self.configuration = configuration
        try reader.finish(ignoring: Set(names))
    }

    /// Encodes one padded sequence.
    ///
    /// - Parameter ids: Token ids below the vocabulary's size.
    /// - Returns: `[tokens, hiddenSize]`.
    func encode(_ ids: [Int]) -> Tensor {
        let (heads, epsilon) = (configuration.headCount, configuration.epsilon)
        let bias = positionBias(tokens: ids.count)
        var state = embedding.gatheringRows(ids)
        for layer in layers {
            let rows = RMSNorm.apply(state, weight: layer.attentionNorm, epsilon: epsilon)
            let mixed = EncoderAttention.attend(
                query: layer.query(rows),
                key: layer.key(rows),
                value: layer.value(rows),
                heads: heads,
                scale: 1,
                bias: bias
            )
            state = Elementwise.sum(state, layer.output(mixed))
            let inner = RMSNorm.apply(state, weight: layer.feedForwardNorm, epsilon: epsilon)
            let gated = Activation.apply(configuration.activation, layer.gate(inner))
                .multiplied(by: layer.linear(inner))
            state = Elementwise.sum(state, layer.down(gated))
        }
        return RMSNorm.apply(state, weight: finalNorm, epsilon: epsilon)
    }

    /// The bias of every pair of tokens by their distance, shared by all layers.
    ///
    /// - Returns: `[heads, tokens, tokens]`.
    private func positionBias(tokens: Int) -> Tensor {
        let heads = configuration.headCount
        let table = relativeBias.values
        // Distances -tokens + 1 ... tokens - 1.
        let buckets = (0..<(2 * tokens)).map { bucket(ofDistance: $0 - tokens) }
        return unsafe Tensor([heads, tokens, tokens]) { target in
            for head in 0..<heads {
                for query in 0..<tokens {
                    for key in 0..<tokens {
                        unsafe target[(head * tokens + query) * tokens + key] =
                            table[buckets[key - query + tokens] * heads + head]
                    }
                }
            }
        }
    }

    /// The bucket of key position minus query position, both directions apart.
    ///
    /// Small distances have a bucket each; larger ones share buckets that grow with the logarithm, in float32 as the
    /// source computes them.
    func bucket(ofDistance distance: Int) -> Int {
        let half = configuration.bucketCount / 2
        let exact = half / 2
        let side = distance > 0 ? half : 0
        let length = abs(distance)
        guard length >= exact else { return side + length }
        let span = Float(log(Double(configuration.maximumDistance) / Double(exact)))
        let step = logf(Float(length) / Float(exact)) / span * Float(half - exact)
        return side + min(half - 1, exact + Int(step))
    }
}
