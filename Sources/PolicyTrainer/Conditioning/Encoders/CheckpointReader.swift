import Shared

/// Hands out the tensors of a checkpoint and keeps account of them, so that all that are missing or left over can be
/// named at once.
struct CheckpointReader {
    private let folder: WeightFolder
    private let options: BaseWeightOptions
    private var taken: Set<String> = []
    private var missing: [String] = []

    /// Opens `<stem>.safetensors` or its shards.
    ///
    /// Matrices are kept as float32 while all together take little memory, else as stored.
    ///
    /// - Throws: `WeightError` that names the file.
    init(folder: String, stem: String) throws {
        self.folder = try WeightFolder(folder: folder, stem: stem)
        options = BaseWeightOptions().resolved(for: self.folder)
    }

    /// Whether the checkpoint holds a tensor.
    func holds(_ name: String) -> Bool {
        folder.shape(of: name) != nil
    }

    /// Reads a tensor; a missing one is noted for ``finish(ignoring:)`` and is all zeros until then.
    ///
    /// - Throws: `WeightError` for another shape, an unknown element type, or a number that is not finite.
    mutating func take(_ name: String, shape: [Int]) throws -> Tensor {
        guard holds(name) else {
            missing.append(name)
            return Tensor(zeros: shape)
        }
        taken.insert(name)
        return try folder.tensor(name, shape: shape)
    }

    /// Takes a matrix `[outputs, inputs]`; a missing one is noted for ``finish(ignoring:)`` and is all zeros until then.
    ///
    /// - Throws: `WeightError` for another shape, an unknown element type, or a number that is not finite.
    mutating func matrix(_ name: String, shape: [Int]) throws -> WeightMatrix {
        guard holds(name) else {
            missing.append(name)
            return WeightMatrix(Tensor(zeros: shape))
        }
        taken.insert(name)
        return try options.matrix(name, shape, from: folder)
    }

    /// Reads a linear layer with weights `[outputs, inputs]`.
    mutating func linear(
        _ name: String,
        inputs: Int,
        outputs: Int,
        hasBias: Bool = true
    ) throws -> EncoderLinear {
        EncoderLinear(
            weight: try matrix(name + ".weight", shape: [outputs, inputs]),
            bias: hasBias ? try take(name + ".bias", shape: [outputs]) : nil
        )
    }

    /// Refuses a checkpoint that lacked a tensor or holds one that nothing asked for.
    ///
    /// - Parameter names: Tensors that may be there without being used.
    /// - Throws: `WeightError.missing` or `WeightError.surplus` that lists the names.
    func finish(ignoring names: Set<String> = []) throws {
        if !missing.isEmpty {
            throw WeightError.missing(name: missing.joined(separator: ", "), path: folder.path)
        }
        let surplus = folder.names.filter { !taken.contains($0) && !names.contains($0) }
        if !surplus.isEmpty {
            throw WeightError.surplus(names: surplus, path: folder.path)
        }
    }
}
