import Shared

/// The `config.json` of a T5 encoder (version 1.1: gated, without biases).
///
/// Source: huggingface/transformers 5.23.0, `models/t5/configuration_t5.py`.
struct T5Configuration: Sendable, Equatable {
    let vocabularySize: Int
    /// Width of a token's state.
    let hiddenSize: Int
    /// Width of one head's query, key and value.
    let headDimension: Int
    /// Width of the gated layer.
    let intermediateSize: Int
    let layerCount: Int
    let headCount: Int
    /// Buckets of the distance between two tokens, half of them for each direction.
    let bucketCount: Int
    /// Distance from which all fall into the last bucket.
    let maximumDistance: Int
    let epsilon: Float
    /// The function of the gate.
    let activation: ActivationKind

    private struct File: Decodable {
        let vocab_size: Int?
        let d_model: Int?
        let d_kv: Int?
        let d_ff: Int?
        let num_layers: Int?
        let num_heads: Int?
        let relative_attention_num_buckets: Int?
        let relative_attention_max_distance: Int?
        let layer_norm_epsilon: Float?
        let feed_forward_proj: String?
        let model_type: String?
    }

    /// Reads and checks the file; keys that are left out have transformers' defaults.
    ///
    /// - Parameter path: Path of `config.json`.
    /// - Throws: ``PolicyError``.
    init(path: String) throws {
        let file = try ModelIndex.decode(File.self, path: path)
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let type = file.model_type, type != "t5" {
            throw refuse("it configures a model of type \(type), not t5")
        }
        vocabularySize = file.vocab_size ?? 32_128
        hiddenSize = file.d_model ?? 512
        headDimension = file.d_kv ?? 64
        intermediateSize = file.d_ff ?? 2_048
        layerCount = file.num_layers ?? 6
        headCount = file.num_heads ?? 8
        bucketCount = file.relative_attention_num_buckets ?? 32
        maximumDistance = file.relative_attention_max_distance ?? 128
        epsilon = file.layer_norm_epsilon ?? 1e-6
        switch file.feed_forward_proj ?? "relu" {
        case "gated-gelu", "gated-gelu_new", "gated-gelu_pytorch_tanh": activation = .geluTanh
        case "gated-silu", "gated-swish": activation = .silu
        case let other:
            throw refuse("feed_forward_proj \(other) is not supported, only gated-gelu and gated-silu")
        }
        let sizes = [vocabularySize, hiddenSize, headDimension, intermediateSize, layerCount, headCount]
        guard
            sizes.allSatisfy({ $0 > 0 }), bucketCount >= 4, bucketCount % 4 == 0,
            maximumDistance > bucketCount / 4
        else {
            throw refuse("a size is not positive, or the buckets do not divide by four")
        }
    }
}
