import Shared

/// The vision tower of a model in llama.cpp's container, the so-called mmproj file.
///
/// Source: ggml-org/llama.cpp, `conversion/{qwenvl,qwen3vl}.py`, `tools/mtmd/clip.cpp`.
struct GGUFProjectorFile: Sendable {
    let file: GGUFFile
    /// Decided by the projector's type.
    let family: ModelFamily
    /// The projector's type as the file spells it.
    let type: String

    /// Opens a file and finds out what it is.
    ///
    /// - Parameter path: The file.
    /// - Throws: `WeightError` for a damaged file; ``GGUFModelError/notProjector(path:architecture:)``,
    ///   ``ModelError/unsupported(path:feature:)``.
    init(path: String) throws {
        file = try GGUFFile(path: path)
        let architecture = file.metadata.text("general.architecture") ?? "none"
        guard architecture == "clip" else {
            throw GGUFModelError.notProjector(path: path, architecture: architecture)
        }
        let metadata = file.metadata
        type = metadata.text("clip.projector_type") ?? metadata.text("clip.vision.projector_type") ?? "none"
        switch type {
        case "qwen2vl_merger": family = .qwen2VL
        case "qwen2.5vl_merger": family = .qwen25VL
        case "qwen3vl_merger": family = .qwen3VL
        default: throw ModelError.unsupported(path: path, feature: "a projector of type \(type)")
        }
    }

    /// The fields of `vision_config` in config.json.
    ///
    /// Widths of the feed-forward part and of the output are those of the tensors, since old files give none.
    ///
    /// - Parameter hiddenSize: Width of the decoder.
    /// - Returns: The fields, for `JSONFields`.
    /// - Throws: ``ModelError/field(path:name:reason:)``.
    func configuration(hiddenSize: Int) throws(ModelError) -> [String: Any] {
        let blockCount = try integer("block_count")
        let width = try integer("embedding_length")
        let output = file.entries["mm.2.weight"]?.shape.first ?? hiddenSize
        var fields: [String: Any] = [
            "depth": blockCount,
            "num_heads": try integer("attention.head_count"),
            "patch_size": try integer("patch_size"),
            "spatial_merge_size": mergeSize,
            "temporal_patch_size": 2,
            "in_channels": 3,
        ]
        let inner = try innerWidth(width)
        switch family {
        case .qwen2VL:
            fields["embed_dim"] = width
            fields["hidden_size"] = output
            fields["mlp_ratio"] = Double(inner) / Double(max(1, width))
        case .qwen25VL:
            fields["hidden_size"] = width
            fields["out_hidden_size"] = output
            fields["intermediate_size"] = inner
            fields["window_size"] = file.metadata.integer("clip.vision.window_size") ?? 112
            let pattern = try integer("n_wa_pattern")
            // 0 means no windows at all.
            let isFull = { (block: Int) in pattern < 1 || (block + 1).isMultiple(of: pattern) }
            fields["fullatt_block_indexes"] = (0..<min(blockCount, 1024)).filter(isFull)
        case .qwen3VL:
            fields["hidden_size"] = width
            fields["out_hidden_size"] = output
            fields["intermediate_size"] = inner
            fields["num_position_embeddings"] = file.entries["v.position_embd.weight"]?.shape.first ?? 0
            fields["deepstack_visual_indexes"] = deepstackBlocks
        }
        return fields
    }

    /// The fields of preprocessor_config.json.
    ///
    /// Only few files say how large images may be; for others it is what the family's published files say.
    ///
    /// - Throws: ``ModelError/field(path:name:reason:)``.
    func preprocessing() throws(ModelError) -> [String: Any] {
        let metadata = file.metadata
        let published = family == .qwen3VL ? (65_536, 16_777_216) : (3136, 12_845_056)
        var fields: [String: Any] = [
            "patch_size": try integer("patch_size"),
            "temporal_patch_size": 2,
            "merge_size": mergeSize,
            "min_pixels": metadata.integer("clip.vision.image_min_pixels") ?? published.0,
            "max_pixels": metadata.integer("clip.vision.image_max_pixels") ?? published.1,
        ]
        for name in ["image_mean", "image_std"] {
            fields[name] = metadata.numbers("clip.vision." + name)
        }
        return fields
    }

    /// Blocks that have a deepstack merger, lowest first.
    var deepstackBlocks: [Int] {
        let numbers = file.entries.keys.compactMap { name -> Int? in
            guard name.hasPrefix("v.deepstack.") else { return nil }
            return name.split(separator: ".").dropFirst(2).first.flatMap { Int($0) }
        }
        return Set(numbers).sorted()
    }

    private var mergeSize: Int { file.metadata.integer("clip.vision.spatial_merge_size") ?? 2 }

    /// Outputs of the first layer of the feed-forward part, under whichever name.
    private func innerWidth(_ width: Int) throws(ModelError) -> Int {
        let name = Self.hasSwappedLayers(file, block: 0) ? "v.blk.0.ffn_down.weight" : "v.blk.0.ffn_up.weight"
        guard let inner = file.entries[name]?.shape.first else {
            throw .tensors(path: file.path, missing: [name], surplus: [], misshapen: [])
        }
        return inner
    }

    /// Whether the layers of a block's feed-forward part have exchanged names, as in files of old converters.
    ///
    /// The layer called `ffn_down` then takes as many inputs as the norm before it has numbers.
    static func hasSwappedLayers(_ file: GGUFFile, block: Int) -> Bool {
        guard let up = file.entries["v.blk.\(block).ffn_up.weight"]?.shape,
            let down = file.entries["v.blk.\(block).ffn_down.weight"]?.shape,
            let norm = file.entries["v.blk.\(block).ln2.weight"]?.shape
        else { return false }
        return down.last == norm.last && up.last != norm.last
    }

    private func integer(_ name: String) throws(ModelError) -> Int {
        let key = "clip.vision." + name
        guard let value = file.metadata.integer(key) else {
            throw .field(path: file.path, name: key, reason: "is missing or no whole number")
        }
        return value
    }
}
