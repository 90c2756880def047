/// The sizes and switches of a decoder.
///
/// Source: huggingface/transformers 5.23.0, `configuration_*.py` of the three families.
struct DecoderConfiguration: Sendable, Equatable {
    /// How the frequencies of a head are dealt to time, row and column.
    enum RopeLayout: Sendable, Equatable {
        /// One run of frequencies each.
        case chunked
        /// Time, row, column, time, row, column, …; what is left over belongs to time.
        case interleaved
    }

    /// In what the decoders of families differ beside their sizes.
    struct Traits: Sendable, Equatable {
        /// Whether queries, keys and values have a bias.
        let hasBias: Bool
        /// Whether every head of queries and keys goes through a norm before it is rotated.
        let normalizesHeads: Bool
        let ropeLayout: RopeLayout
        /// What `head_dim` is when the file does not say; nil: heads share the width, and only that is allowed.
        let defaultHeadDimension: Int?
        /// What `mrope_section` is when the file does not say; nil: it must.
        let defaultRopeSections: [Int]?
        let defaultNormEpsilon: Double
    }

    let traits: Traits
    let hiddenSize: Int
    let intermediateSize: Int
    let layerCount: Int
    let headCount: Int
    let keyValueHeadCount: Int
    let headDimension: Int
    let vocabularySize: Int
    let contextLength: Int
    let normEpsilon: Float
    let ropeTheta: Double
    /// How many frequencies turn with time, row and column.
    let ropeSections: [Int]

    /// Numbers of all heads of queries; not always ``hiddenSize``.
    var queryWidth: Int { headCount * headDimension }
    /// Numbers of all heads of keys, or of values.
    var keyWidth: Int { keyValueHeadCount * headDimension }

    /// Reads and checks the fields.
    ///
    /// - Parameters:
    ///   - root: The fields of config.json; the decoder's lie in `text_config`, or beside the others in
    ///     older files.
    ///   - family: The family, whose name `model_type` of `text_config` must be, with or without `_text`.
    ///   - traits: The family's switches.
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    init(_ root: JSONFields, family: ModelFamily, traits: Traits) throws(ModelError) {
        let fields = try root.object("text_config") ?? root
        let type = try fields.text("model_type", fallback: family.rawValue)
        guard [family.rawValue, family.rawValue + "_text"].contains(type) else {
            throw .unsupported(path: fields.path, feature: "a decoder of type \(type)")
        }
        self.traits = traits
        hiddenSize = try fields.integer("hidden_size", in: 1...65_536)
        headCount = try fields.integer("num_attention_heads", in: 1...1024)
        keyValueHeadCount = try fields.integer("num_key_value_heads", in: 1...1024)
        headDimension = try Self.headDimension(fields, traits, width: hiddenSize, headCount: headCount)
        guard headCount % keyValueHeadCount == 0 else {
            throw fields.failure("num_key_value_heads", "is \(keyValueHeadCount), no divisor of \(headCount)")
        }
        try Self.checkSwitches(fields)
        (ropeTheta, ropeSections) = try Self.rope(fields, traits, half: headDimension / 2)
        intermediateSize = try fields.integer("intermediate_size", in: 1...1_048_576)
        layerCount = try fields.integer("num_hidden_layers", in: 1...1024)
        vocabularySize = try fields.integer("vocab_size", in: 2...10_000_000)
        contextLength = try fields.integer(
            "max_position_embeddings",
            in: 1...100_000_000,
            fallback: 32_768
        )
        normEpsilon = Float(
            try fields.number("rms_norm_eps", in: 0...1, fallback: traits.defaultNormEpsilon)
        )
    }

    private static func headDimension(
        _ fields: JSONFields,
        _ traits: Traits,
        width: Int,
        headCount: Int
    ) throws(ModelError) -> Int {
        if let fallback = traits.defaultHeadDimension {
            let dimension = try fields.integer("head_dim", in: 2...4096, fallback: fallback)
            guard dimension % 2 == 0 else { throw fields.failure("head_dim", "is \(dimension), not even") }
            return dimension
        }
        guard width % headCount == 0, width / headCount % 2 == 0 else {
            throw fields.failure(
                "num_attention_heads",
                "is \(headCount), which does not cut \(width) into even heads"
            )
        }
        let dimension = try fields.integer("head_dim", in: 1...65_536, fallback: width / headCount)
        guard dimension == width / headCount else {
            throw fields.failure("head_dim", "is \(dimension), but \(headCount) heads share \(width) numbers")
        }
        return dimension
    }

    private static func checkSwitches(_ fields: JSONFields) throws(ModelError) {
        for name in ["use_sliding_window", "attention_bias"] where try fields.flag(name, fallback: false) {
            throw .unsupported(path: fields.path, feature: "\(name) = true")
        }
        let activation = try fields.text("hidden_act", fallback: "silu")
        guard activation == "silu" else {
            throw .unsupported(path: fields.path, feature: "the activation \(activation) in its decoder")
        }
    }

    private static func rope(
        _ fields: JSONFields,
        _ traits: Traits,
        half: Int
    ) throws(ModelError) -> (theta: Double, sections: [Int]) {
        // Of both, the older name counts: `convert_rope_params_to_dict` of huggingface/transformers 5.23.0,
        // `modeling_rope_utils.py`. It is where people write a scaling by hand.
        let older = try fields.values("rope_scaling") ?? [:]
        let name = older.isEmpty ? "rope_parameters" : "rope_scaling"
        guard let scaling = try fields.object(name) else { throw fields.failure(name, "is missing") }
        for name in ["type", "rope_type"] {
            let type = try scaling.text(name, fallback: "default")
            guard ["default", "mrope"].contains(type) else {
                throw .ropeScaling(path: fields.path, kind: type)
            }
        }
        let isInterleaved = traits.ropeLayout == .interleaved
        guard try scaling.flag("mrope_interleaved", fallback: isInterleaved) == isInterleaved else {
            throw .unsupported(path: fields.path, feature: "mrope_interleaved = \(!isInterleaved)")
        }
        var sections = traits.defaultRopeSections ?? []
        if sections.isEmpty || scaling.has("mrope_section") {
            sections = try scaling.integers("mrope_section")
        }
        guard sections.count == 3, sections.allSatisfy({ (0...half).contains($0) }),
            sections.reduce(0, +) == half
        else {
            throw scaling.failure("mrope_section", "is \(sections), not three numbers that add up to \(half)")
        }
        let thetas = scaling.has("rope_theta") ? scaling : fields
        return (try thetas.number("rope_theta", in: 1...1e12), sections)
    }
}
