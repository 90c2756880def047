internal import Shared

/// The tensors of a checkpoint under the names of ``Qwen25VLWeights``.
struct TensorSource {
    private let files: WeightFolder
    /// Name in the files, by our name.
    private let fileNames: [String: String]
    /// Names in the files that stand for a tensor which another one stands for already.
    private let duplicates: [String]
    private let isTied: Bool
    private var shapes: [String: [Int]] = [:]
    /// Numbers in all tensors read so far.
    private(set) var parameterCount = 0

    init(files: WeightFolder, tied: Bool) {
        self.files = files
        isTied = tied
        var fileNames: [String: String] = [:]
        var duplicates: [String] = []
        for name in files.names where !name.hasSuffix(".rotary_emb.inv_freq") {
            if let other = fileNames.updateValue(name, forKey: Self.ownName(of: name)) {
                duplicates.append("\(name) (the same tensor as \(other))")
            }
        }
        self.fileNames = fileNames
        self.duplicates = duplicates
    }

    /// Brings a name of any generation to `visual.…`, `text.…` or `head`.
    static func ownName(of name: String) -> String {
        var rest = Substring(name)
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

    /// Compares the checkpoint with what the model needs.
    ///
    /// A tied checkpoint may hold a head; it is not read.
    ///
    /// - Parameter expected: Shape of every tensor by our names.
    /// - Throws: ``ModelError/tensors(path:missing:surplus:misshapen:)``.
    mutating func check(_ expected: [String: [Int]]) throws(ModelError) {
        let missing = expected.keys.filter { fileNames[$0] == nil }.sorted().map(Self.publishedName)
        var surplus = duplicates
        var misshapen: [String] = []
        for (name, fileName) in fileNames.sorted(by: { $0.value < $1.value }) {
            guard let shape = expected[name] else {
                if !(isTied && name == "head") {
                    surplus.append(fileName)
                }
                continue
            }
            if let found = files.shape(of: fileName), found != shape {
                misshapen.append("\(fileName) \(found) instead of \(shape)")
            }
        }
        guard missing.isEmpty, surplus.isEmpty, misshapen.isEmpty else {
            throw .tensors(path: files.path, missing: missing, surplus: surplus, misshapen: misshapen)
        }
        shapes = expected
    }

    /// The generation-A name, which published files use.
    private static func publishedName(_ name: String) -> String {
        if name == "head" { return "lm_head.weight" }
        return name.hasPrefix("text.") ? "model." + name.dropFirst("text.".count) : name
    }

    /// Reads one tensor as float32; it must have been in ``check(_:)``.
    mutating func tensor(_ name: String) throws(WeightError) -> Tensor {
        guard let fileName = fileNames[name], let shape = shapes[name] else {
            throw .missing(name: name, path: files.path)
        }
        parameterCount += shape.reduce(1, *)
        return try files.tensor(fileName, shape: shape)
    }

    /// Reads a linear layer.
    mutating func linear(_ name: String, hasBias: Bool) throws(WeightError) -> LinearLayer {
        LinearLayer(
            weight: try tensor(name + ".weight"),
            bias: hasBias ? try tensor(name + ".bias") : nil
        )
    }

    /// How a tensor is stored, as the file spells it.
    func elementType(of name: String) -> String {
        fileNames[name].flatMap { files.elementType(of: $0) } ?? ""
    }
}
