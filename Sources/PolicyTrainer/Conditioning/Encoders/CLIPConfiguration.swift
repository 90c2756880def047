import Shared

/// The `config.json` of a CLIP text model.
///
/// Source: huggingface/transformers 5.23.0, `models/clip/configuration_clip.py`.
struct CLIPConfiguration: Sendable, Equatable {
    let vocabularySize: Int
    /// Width of a token's state and of the pooled vector.
    let hiddenSize: Int
    let intermediateSize: Int
    let layerCount: Int
    let headCount: Int
    /// Learned positions: the longest sequence.
    let maximumPositions: Int
    let epsilon: Float
    let activation: ActivationKind
    /// The token whose first position is pooled; 2 stands for the highest id of the sequence, as in files written
    /// before that number was corrected upstream.
    let endToken: Int

    private struct File: Decodable {
        let vocab_size: Int?
        let hidden_size: Int?
        let intermediate_size: Int?
        let num_hidden_layers: Int?
        let num_attention_heads: Int?
        let max_position_embeddings: Int?
        let layer_norm_eps: Float?
        let hidden_act: String?
        let eos_token_id: Int?
        let model_type: String?
    }

    /// Reads and checks the file; keys that are left out have transformers' defaults.
    ///
    /// - Parameter path: Path of `config.json`.
    /// - Throws: ``PolicyError``.
    init(path: String) throws {
        let file = try ModelIndex.decode(File.self, path: path)
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let type = file.model_type, type != "clip_text_model" {
            throw refuse("it configures a model of type \(type), not clip_text_model")
        }
        vocabularySize = file.vocab_size ?? 49_408
        hiddenSize = file.hidden_size ?? 512
        intermediateSize = file.intermediate_size ?? 2_048
        layerCount = file.num_hidden_layers ?? 12
        headCount = file.num_attention_heads ?? 8
        maximumPositions = file.max_position_embeddings ?? 77
        epsilon = file.layer_norm_eps ?? 1e-5
        endToken = file.eos_token_id ?? 49_407
        switch file.hidden_act ?? "quick_gelu" {
        case "quick_gelu": activation = .quickGELU
        case "gelu": activation = .gelu
        case "gelu_new", "gelu_pytorch_tanh": activation = .geluTanh
        case "silu", "swish": activation = .silu
        case let other: throw refuse("hidden_act \(other) is not supported")
        }
        let sizes = [vocabularySize, hiddenSize, intermediateSize, layerCount, headCount, maximumPositions]
        guard sizes.allSatisfy({ $0 > 0 }), hiddenSize % headCount == 0 else {
            throw refuse("a size is not positive, or the heads do not divide hidden_size")
        }
    }
}
