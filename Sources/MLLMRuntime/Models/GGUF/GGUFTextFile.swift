import Shared

/// The decoder of a model in llama.cpp's container, with its tokenizer and its chat template.
///
/// Source: ggml-org/llama.cpp, `conversion/{qwen,qwenvl,qwen3vl}.py`; gguf 0.19.0, `gguf/constants.py`.
struct GGUFTextFile: Sendable {
    /// The decoders that the runtime has.
    enum Architecture: String {
        case qwen2
        case qwen2VL = "qwen2vl"
        case qwen3
        case qwen3VL = "qwen3vl"
    }

    let file: GGUFFile
    let architecture: Architecture

    /// Opens a file and finds out what it is.
    ///
    /// - Parameter path: The file.
    /// - Throws: `WeightError` for a damaged file; ``GGUFModelError/notText(path:)``,
    ///   ``ModelError/unsupported(path:feature:)``.
    init(path: String) throws {
        file = try GGUFFile(path: path)
        let key = "general.architecture"
        guard let name = file.metadata.text(key) else {
            throw ModelError.field(path: path, name: key, reason: "is missing")
        }
        guard name != "clip" else { throw GGUFModelError.notText(path: path) }
        guard file.metadata.text("general.type") != "adapter" else { throw ModelError.adapter(path: path) }
        guard let architecture = Architecture(rawValue: name) else {
            throw ModelError.unsupported(path: path, feature: "the architecture \(name)")
        }
        self.architecture = architecture
    }

    /// Whether the output head is the embedding matrix: then the file does not hold it.
    var tiesEmbeddings: Bool { file.entries["output.weight"] == nil }

    /// The fields of `text_config` in config.json.
    ///
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    func configuration() throws(ModelError) -> [String: Any] {
        let heads = try integer("attention.head_count")
        let width = try integer("embedding_length")
        guard let rows = file.entries["token_embd.weight"]?.shape.first else {
            throw .tensors(path: file.path, missing: ["token_embd.weight"], surplus: [], misshapen: [])
        }
        let scaling = file.metadata.text(key("rope.scaling.type")) ?? "none"
        guard scaling == "none" else {
            throw .ropeScaling(path: file.path, kind: scaling)
        }
        var fields: [String: Any] = [
            "hidden_size": width,
            "intermediate_size": try integer("feed_forward_length"),
            "num_hidden_layers": try integer("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": file.metadata.integer(key("attention.head_count_kv")) ?? heads,
            "vocab_size": rows,
            "max_position_embeddings": try integer("context_length"),
            "rms_norm_eps": try number("attention.layer_norm_rms_epsilon"),
        ]
        let dimension = file.metadata.integer(key("attention.key_length"))
        if let dimension {
            fields["head_dim"] = dimension
            guard file.metadata.integer(key("attention.value_length")) ?? dimension == dimension else {
                throw .unsupported(path: file.path, feature: "values of another length than keys")
            }
        }
        fields["rope_parameters"] =
            [
                "rope_type": "default",
                "rope_theta": try number("rope.freq_base"),
                "mrope_section": try sections(headDimension: dimension ?? width / max(1, heads)),
            ] as [String: Any]
        return fields
    }

    /// How many frequencies turn with time, row and column.
    ///
    /// Decoders of text alone do not say, and it does not matter to them: all three are the same in text.
    private func sections(headDimension: Int) throws(ModelError) -> [Int] {
        let half = headDimension / 2
        switch architecture {
        case .qwen2, .qwen3:
            return [half - 2 * (half / 3), half / 3, half / 3]
        case .qwen2VL, .qwen3VL:
            guard let all = file.metadata.integers(key("rope.dimension_sections")), all.count >= 3,
                all.dropFirst(3).allSatisfy({ $0 == 0 })
            else {
                throw failure("rope.dimension_sections", "is missing or no list of three numbers and zeros")
            }
            return Array(all.prefix(3))
        }
    }

    /// The chat template.
    ///
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unknownTemplate(path:hash:)``.
    func chatTemplate() throws(ModelError) -> ChatTemplate {
        let name = "tokenizer.chat_template"
        guard let text = file.metadata.text(name) else {
            throw .field(path: file.path, name: name, reason: "is missing")
        }
        return try ChatTemplate.recognize(text, path: file.path)
    }

    /// Names of the tensors in a checkpoint of generation B, by their names in this file.
    ///
    /// What is unknown keeps its name, so that it shows as surplus.
    func checkpointNames() -> [String: String] {
        let names = file.entries.keys.map { ($0, Self.checkpointName(of: $0) ?? $0) }
        return Dictionary(uniqueKeysWithValues: names)
    }

    private static func checkpointName(of name: String) -> String? {
        let text = "model.language_model."
        switch name {
        case "token_embd.weight": return text + "embed_tokens.weight"
        case "output_norm.weight": return text + "norm.weight"
        case "output.weight": return "lm_head.weight"
        default: break
        }
        let words = name.split(separator: ".")
        guard words.count == 4, words[0] == "blk", let index = Int(words[1]),
            let part = layerParts[String(words[2])]
        else { return nil }
        return text + "layers.\(index).\(part).\(words[3])"
    }

    private static let layerParts = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
        "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]

    private func key(_ name: String) -> String { architecture.rawValue + "." + name }

    private func failure(_ name: String, _ reason: String) -> ModelError {
        .field(path: file.path, name: key(name), reason: reason)
    }

    private func integer(_ name: String) throws(ModelError) -> Int {
        guard let value = file.metadata.integer(key(name)) else {
            throw failure(name, "is missing or no whole number")
        }
        return value
    }

    private func number(_ name: String) throws(ModelError) -> Double {
        guard let value = file.metadata.number(key(name)) else {
            throw failure(name, "is missing or no number")
        }
        return value
    }
}
