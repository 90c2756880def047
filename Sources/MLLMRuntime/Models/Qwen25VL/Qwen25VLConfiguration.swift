/// The sizes and constants of a Qwen2.5-VL model, as its config.json gives them.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen2_5_vl/configuration_qwen2_5_vl.py`.
struct Qwen25VLConfiguration: Sendable, Equatable {
    /// The decoder.
    struct Text: Sendable, Equatable {
        let hiddenSize: Int
        let intermediateSize: Int
        let layerCount: Int
        let headCount: Int
        let keyValueHeadCount: Int
        let vocabularySize: Int
        let contextLength: Int
        let normEpsilon: Float
        let ropeTheta: Double
        /// How many frequencies turn with time, row and column.
        let ropeSections: [Int]

        var headDimension: Int { hiddenSize / headCount }
    }

    /// The vision tower.
    struct Vision: Sendable, Equatable {
        let hiddenSize: Int
        let intermediateSize: Int
        let blockCount: Int
        let headCount: Int
        let patchSize: Int
        let temporalPatchSize: Int
        let mergeSize: Int
        /// Side of a window in pixels.
        let windowSize: Int
        /// Blocks that attend over the whole image.
        let fullAttentionBlocks: Set<Int>
        let outputSize: Int

        var headDimension: Int { hiddenSize / headCount }
        /// Values of one patch.
        var patchLength: Int { 3 * temporalPatchSize * patchSize * patchSize }
        /// Side of a window in merged cells.
        var windowCells: Int { windowSize / mergeSize / patchSize }
        /// ε of the tower's norms; not in the file.
        var normEpsilon: Float { 1e-6 }
    }

    let text: Text
    let vision: Vision
    /// Whether the output head is the embedding matrix.
    let tiesEmbeddings: Bool
    let imageToken: Int
    let visionStartToken: Int
    let visionEndToken: Int

    /// Reads and checks the fields; flat and nested files are alike.
    ///
    /// - Parameter fields: The fields of config.json.
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    init(_ fields: JSONFields) throws(ModelError) {
        let textFields = try fields.object("text_config") ?? fields
        text = try Self.text(textFields)
        guard let visionFields = try fields.object("vision_config") else {
            throw fields.failure("vision_config", "is missing")
        }
        vision = try Self.vision(visionFields, hiddenSize: text.hiddenSize)
        let outerTie = try fields.flag("tie_word_embeddings", fallback: false)
        let innerTie = try textFields.flag("tie_word_embeddings", fallback: false)
        tiesEmbeddings = outerTie || innerTie
        let ids = 0...(text.vocabularySize - 1)
        imageToken = try fields.integer("image_token_id", in: ids, fallback: 151_655)
        visionStartToken = try fields.integer("vision_start_token_id", in: ids, fallback: 151_652)
        visionEndToken = try fields.integer("vision_end_token_id", in: ids, fallback: 151_653)
    }

    private static func text(_ fields: JSONFields) throws(ModelError) -> Text {
        let hiddenSize = try fields.integer("hidden_size", in: 1...65_536)
        let headCount = try fields.integer("num_attention_heads", in: 1...1024)
        let keyValueHeadCount = try fields.integer("num_key_value_heads", in: 1...1024)
        guard hiddenSize % headCount == 0, hiddenSize / headCount % 2 == 0 else {
            throw fields.failure(
                "num_attention_heads",
                "is \(headCount), which does not cut \(hiddenSize) into even heads"
            )
        }
        guard headCount % keyValueHeadCount == 0 else {
            throw fields.failure("num_key_value_heads", "is \(keyValueHeadCount), no divisor of \(headCount)")
        }
        if try fields.flag("use_sliding_window", fallback: false) {
            throw .unsupported(path: fields.path, feature: "a sliding window (use_sliding_window)")
        }
        try checkActivation(fields)
        let scalingName = fields.has("rope_parameters") ? "rope_parameters" : "rope_scaling"
        guard let scaling = try fields.object(scalingName) else {
            throw fields.failure(scalingName, "is missing")
        }
        for name in ["type", "rope_type"] {
            let type = try scaling.text(name, fallback: "default")
            guard ["default", "mrope"].contains(type) else {
                throw .unsupported(path: fields.path, feature: "rotary embedding of type \(type)")
            }
        }
        let thetas = scaling.has("rope_theta") ? scaling : fields
        let sections = try scaling.integers("mrope_section")
        let half = hiddenSize / headCount / 2
        guard sections.count == 3, sections.allSatisfy({ (0...half).contains($0) }),
            sections.reduce(0, +) == half
        else {
            throw scaling.failure("mrope_section", "is \(sections), not three numbers that add up to \(half)")
        }
        return Text(
            hiddenSize: hiddenSize,
            intermediateSize: try fields.integer("intermediate_size", in: 1...1_048_576),
            layerCount: try fields.integer("num_hidden_layers", in: 1...1024),
            headCount: headCount,
            keyValueHeadCount: keyValueHeadCount,
            vocabularySize: try fields.integer("vocab_size", in: 2...10_000_000),
            contextLength: try fields.integer(
                "max_position_embeddings",
                in: 1...100_000_000,
                fallback: 32_768
            ),
            normEpsilon: Float(try fields.number("rms_norm_eps", in: 0...1, fallback: 1e-5)),
            ropeTheta: try thetas.number("rope_theta", in: 1...1e12),
            ropeSections: sections
        )
    }

    private static func vision(_ fields: JSONFields, hiddenSize: Int) throws(ModelError) -> Vision {
        let width = try fields.integer("hidden_size", in: 1...65_536)
        let headCount = try fields.integer("num_heads", in: 1...1024, fallback: 16)
        guard width % headCount == 0, width / headCount % 4 == 0 else {
            throw fields.failure(
                "num_heads",
                "is \(headCount), which does not cut \(width) into heads of 4·n"
            )
        }
        for name in ["in_channels", "in_chans"] {
            let channels = try fields.integer(name, in: 1...16, fallback: 3)
            guard channels == 3 else { throw fields.failure(name, "is \(channels), not 3") }
        }
        try checkActivation(fields)
        let outputSize = try fields.integer("out_hidden_size", in: 1...65_536, fallback: 3584)
        guard outputSize == hiddenSize else {
            throw fields.failure(
                "out_hidden_size",
                "is \(outputSize), but the decoder's hidden_size is \(hiddenSize)"
            )
        }
        let blockCount = try fields.integer("depth", in: 1...1024, fallback: 32)
        let full =
            fields.has("fullatt_block_indexes")
            ? try fields.integers("fullatt_block_indexes") : [7, 15, 23, 31]
        guard full.allSatisfy({ (0..<blockCount).contains($0) }) else {
            throw fields.failure("fullatt_block_indexes", "is \(full), but there are \(blockCount) blocks")
        }
        let patchSize = try fields.integer("patch_size", in: 1...256, fallback: 14)
        let mergeSize = try fields.integer("spatial_merge_size", in: 1...16, fallback: 2)
        let windowSize = try fields.integer("window_size", in: 1...65_536, fallback: 112)
        guard windowSize / mergeSize / patchSize > 0 else {
            throw fields.failure(
                "window_size",
                "is \(windowSize), less than a cell of \(patchSize * mergeSize) pixels"
            )
        }
        return Vision(
            hiddenSize: width,
            intermediateSize: try fields.integer("intermediate_size", in: 1...1_048_576, fallback: 3420),
            blockCount: blockCount,
            headCount: headCount,
            patchSize: patchSize,
            temporalPatchSize: try fields.integer("temporal_patch_size", in: 1...16, fallback: 2),
            mergeSize: mergeSize,
            windowSize: windowSize,
            fullAttentionBlocks: Set(full),
            outputSize: outputSize
        )
    }

    private static func checkActivation(_ fields: JSONFields) throws(ModelError) {
        let activation = try fields.text("hidden_act", fallback: "silu")
        guard activation == "silu" else {
            throw .unsupported(path: fields.path, feature: "the activation \(activation)")
        }
    }
}
