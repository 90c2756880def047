import Shared

/// The tensors of a checkpoint under one set of names, whatever generation its own are of.
///
/// Generation A has `visual.` and `model.`, B `model.visual.` and `model.language_model.`, C (a model saved
/// without its head) `visual.` and `language_model.`; they are brought to `visual.…`, `text.…` and `head`.
///
/// Source: `conversion_mapping.py` in huggingface/transformers 5.23.0.
struct TensorSource: Sendable {
    /// Checkpoints whose weights take at most so many bytes as float32 are expanded when they are loaded:
    /// unpacking would cost a small model more than the memory is worth.
    static let expansionLimit = 1 << 30

    /// The arithmetic of linear layers.
    var precision = ModelPrecision.float32
    /// Where packed matrices are looked for and kept.
    var packed: PackedCache?
    /// Told how many numbers of the model were taken in; see ``parameterCount``.
    var progress: @Sendable (_ parameters: Int) -> Void = { _ in }

    private let store: any WeightStore
    /// Name in the files, by our name.
    private let fileNames: [String: String]
    private let shapes: [String: [Int]]

    /// Numbers in all tensors of the model.
    var parameterCount: Int { shapes.values.reduce(0) { $0 + $1.reduce(1, *) } }
    /// Numbers in the tensors of the vision tower.
    var visionParameterCount: Int {
        shapes.reduce(0) { $0 + ($1.key.hasPrefix("visual.") ? $1.value.reduce(1, *) : 0) }
    }
    /// Bytes of all files together.
    var byteCount: Int { store.byteCount }
    /// Whether the model is small: float32 matrices are held as such whatever the file holds.
    var expandsMatrices: Bool { 4 * parameterCount <= Self.expansionLimit }
    /// Whether bfloat16 arithmetic loses next to nothing that the checkpoint has, and gains much.
    var suitsBFloat16: Bool {
        !expandsMatrices
            && shapes.keys.filter(Self.isLinear).allSatisfy { name in
                storedFormat(of: name).map { $0 == .bfloat16 || $0.isCompressed } ?? false
            }
    }

    /// Bytes of the weights as they are held.
    var heldByteCount: Int {
        if precision == .float32 {
            return expandsMatrices ? 4 * parameterCount : byteCount
        }
        return shapes.reduce(0) { sum, tensor in
            let count = tensor.value.reduce(1, *)
            guard let format = storedFormat(of: tensor.key) else { return sum }
            let stored = count / format.blockLength * format.blockByteCount
            guard Self.isLinear(tensor.key) else { return sum + (expandsMatrices ? 4 * count : stored) }
            switch precision.ofLayer(Self.layer(of: tensor.key)) {
            case .float32: return sum + (expandsMatrices ? 4 * count : stored)
            case .bfloat16: return sum + (format.isCompressed ? stored : 2 * count)
            case .int8: return sum + (format.isCompressed ? stored : count)
            }
        }
    }

    /// Whether a tensor is the weight of a linear layer inside a decoder layer or the tower.
    private static func isLinear(_ name: String) -> Bool {
        [
            "_proj.weight", ".qkv.weight", ".proj.weight", ".mlp.0.weight", ".mlp.2.weight", "fc1.weight",
            "fc2.weight",
        ]
        .contains(where: name.hasSuffix) && name != "visual.patch_embed.proj.weight"
    }

    private static func layer(of name: String) -> String { String(name.dropLast(".weight".count)) }

    private func storedFormat(of name: String) -> WeightFormat? {
        fileNames[name].flatMap { store.format(of: $0) }
    }

    /// Whether the output head is the embedding matrix, as the files have it.
    let tiesEmbeddings: Bool
    /// What the configuration says and the files do not bear out, for the user.
    let warnings: [String]

    /// Compares a checkpoint with what a model needs.
    ///
    /// What is stored decides about the head, whatever the configuration says of tied embeddings: an own head counts; a
    /// head without an embedding is both when the configuration ties them. That is `tie_weights` of
    /// huggingface/transformers 5.23.0, `modeling_utils.py`. Without a stored head the configuration must tie them.
    ///
    /// Biases of zeros that a quantiser added, scales of a key/value cache, and tables that are computed are skipped.
    ///
    /// - Parameters:
    ///   - store: The checkpoint.
    ///   - shapes: Shape of every tensor of the model by our names, without `head`.
    ///   - saysTied: What the configuration says.
    /// - Throws: ``ModelError/tensors(path:missing:surplus:misshapen:)`` that names every tensor at fault;
    ///   ``ModelError/rewardHead(path:tensors:)``.
    init(_ store: any WeightStore, shapes: [String: [Int]], saysTied: Bool) throws {
        var fileNames: [String: String] = [:]
        var surplus: [String] = []
        for name in store.names {
            if let other = fileNames.updateValue(name, forKey: Self.ownName(of: name)) {
                surplus.append("\(name) (the same tensor as \(other))")
            }
        }
        let embedding = "text.embed_tokens.weight"
        var shapes = shapes
        let hasHead = fileNames["head"] != nil
        var (isTied, warnings) = (!hasHead && saysTied, [String]())
        if hasHead, fileNames[embedding] == nil, saysTied {
            fileNames[embedding] = fileNames.removeValue(forKey: "head")
            isTied = true
        } else if !isTied {
            shapes["head"] = shapes[embedding]
            if hasHead, saysTied {
                warnings.append(
                    "\(store.path) stores \(fileNames["head"] ?? "") beside its embedding although the configuration "
                        + "ties them (tie_word_embeddings); the stored head counts"
                )
            }
        }
        let missing = shapes.keys.filter { fileNames[$0] == nil }.sorted().map(Self.publishedName)
        var misshapen: [String] = []
        for (name, fileName) in fileNames.sorted(by: { $0.value < $1.value }) {
            guard let shape = shapes[name] else {
                if try !SurplusTensor.isSkipped(name, fileName: fileName, shapes: shapes, store: store) {
                    surplus.append(fileName)
                }
                continue
            }
            if let found = store.shape(of: fileName), found != shape {
                misshapen.append("\(fileName) \(found) instead of \(shape)")
            }
        }
        guard !surplus.contains(where: { $0.contains(".lora_A.") || $0.contains(".lora_B.") }) else {
            throw ModelError.adapter(path: store.path)
        }
        let rewards = surplus.filter(Self.isRewardHead)
        guard rewards.isEmpty else { throw ModelError.rewardHead(path: store.path, tensors: rewards) }
        guard missing.isEmpty, surplus.isEmpty, misshapen.isEmpty else {
            throw ModelError.tensors(
                path: store.path,
                missing: missing,
                surplus: surplus,
                misshapen: misshapen
            )
        }
        self.store = store
        self.fileNames = fileNames
        self.shapes = shapes
        self.warnings = warnings
        tiesEmbeddings = isTied
    }

    /// Brings a name of any generation to `visual.…`, `text.…` or `head`.
    static func ownName(of name: String) -> String {
        // torch.compile and DataParallel put these before the names of the model that they wrap.
        var rest = Substring(name.replacing("_orig_mod.", with: ""))
        if rest.hasPrefix("module.") { rest = rest.dropFirst("module.".count) }
        if rest.hasPrefix("model.visual.") || rest.hasPrefix("model.language_model.") {
            rest = rest.dropFirst("model.".count)
        }
        if rest.hasPrefix("visual.") { return String(rest) }
        if rest.hasPrefix("language_model.") {
            rest = rest.dropFirst("language_model.".count)
            if rest == "lm_head.weight" { return "head" }
            return "text." + (rest.hasPrefix("model.") ? rest.dropFirst("model.".count) : rest)
        }
        if rest == "lm_head.weight" { return "head" }
        return rest.hasPrefix("model.") ? "text." + rest.dropFirst("model.".count) : String(rest)
    }

    /// The generation-A name, which most published files use.
    private static func publishedName(_ name: String) -> String {
        if name == "head" { return "lm_head.weight" }
        return name.hasPrefix("text.") ? "model." + name.dropFirst("text.".count) : name
    }

    /// Whether a name is one that trainers of reward models give to their head.
    ///
    /// Source: `score` in huggingface/transformers (sequence classification), `v_head` in huggingface/trl,
    /// `rm_head` in MizzenAI/HPSv3 and TIGER-AI-Lab/EditReward.
    private static func isRewardHead(_ name: String) -> Bool {
        let heads: Set<Substring> = [
            "rm_head", "score", "v_head", "value_head", "reward_head", "regression_head", "classifier",
        ]
        return name.split(separator: ".").contains(where: heads.contains)
    }

    /// How many tensors of the model are stored in each format.
    var formats: [String: Int] {
        shapes.keys.reduce(into: [:]) { counts, name in
            counts[format(of: name) ?? "unknown", default: 0] += 1
        }
    }

    /// How a tensor is stored: a raw value of `WeightFormat`.
    func format(of name: String) -> String? {
        storedFormat(of: name)?.rawValue
    }

    /// Looks at every number of the checkpoint.
    ///
    /// - Throws: `WeightError.nonFinite` that names a tensor.
    func checkAllFinite() throws(WeightError) {
        try store.checkAllFinite()
    }

    /// Reads a small tensor as float32.
    func tensor(_ name: String) throws(WeightError) -> Tensor {
        let place = try place(of: name)
        defer { progress(place.shape.reduce(1, *)) }
        return try store.tensor(place.name, shape: place.shape)
    }

    /// Takes a matrix: as it is stored, or expanded when the model is small.
    func matrix(_ name: String) throws(WeightError) -> WeightMatrix {
        let place = try place(of: name)
        defer { progress(place.shape.reduce(1, *)) }
        if expandsMatrices {
            return WeightMatrix(try store.tensor(place.name, shape: place.shape))
        }
        return try store.matrix(place.name, shape: place.shape)
    }

    /// Reads a linear layer.
    func linear(_ name: String, hasBias: Bool = true) throws(WeightError) -> LinearLayer {
        let weight = try matrix(name + ".weight")
        let bias = hasBias ? try tensor(name + ".bias") : nil
        let precision = precision.ofLayer(name)
        if precision != .float32, let packed {
            return LinearLayer(packed: packed.matrix(name, of: weight, precision: precision), bias: bias)
        }
        return LinearLayer(weight: weight, bias: bias, precision: precision)
    }

    /// Reads a layer norm of a vision tower.
    func layerNorm(_ name: String) throws(WeightError) -> RowNorm {
        .layer(
            weight: try tensor(name + ".weight"),
            bias: try tensor(name + ".bias"),
            epsilon: VisionConfiguration.normEpsilon
        )
    }

    /// Reads the patch embedding, whose weight has an axis each for channel, time, row and column.
    func patchEmbedding(_ vision: VisionConfiguration, hasBias: Bool) throws(WeightError) -> LinearLayer {
        let weight = try tensor("visual.patch_embed.proj.weight")
        return LinearLayer(
            weight: WeightMatrix(weight.reshaped([vision.hiddenSize, vision.patchLength])),
            bias: hasBias ? try tensor("visual.patch_embed.proj.bias") : nil
        )
    }

    private func place(of name: String) throws(WeightError) -> (name: String, shape: [Int]) {
        guard let fileName = fileNames[name], let shape = shapes[name] else {
            throw .missing(name: name, path: store.path)
        }
        return (fileName, shape)
    }
}
