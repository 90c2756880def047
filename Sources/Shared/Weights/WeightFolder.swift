import Foundation

/// The tensors of a checkpoint folder: one safetensors file, or the shards that an index names.
package struct WeightFolder: WeightStore {
    /// The folder or file, for error messages.
    package let path: String
    /// Bytes of all files together.
    package let byteCount: Int
    private let tensors: [String: LogicalTensor]
    private let quantization: WeightQuantization?

    /// All tensor names, sorted; a quantised layer has the one name `X.weight`.
    package var names: [String] { tensors.keys.sorted() }

    /// Opens `<stem>.safetensors`, or the shards of `<stem>.safetensors.index.json`, of a folder.
    ///
    /// - Parameters:
    ///   - folder: Path of the folder.
    ///   - stem: `model` for transformers, `diffusion_pytorch_model` for diffusers.
    ///   - quantization: What the folder's `config.json` says about quantised layers.
    /// - Throws: ``WeightError`` that names the file; ``WeightError/pickle(path:stem:)`` when the folder has its weights
    ///   in pickle files only.
    package init(folder: String, stem: String, quantization: WeightQuantization? = nil) throws(WeightError) {
        path = folder
        self.quantization = quantization
        let index = "\(folder)/\(stem).safetensors.index.json"
        let single = "\(folder)/\(stem).safetensors"
        var shards = [single]
        var named: [String: String]?
        if !FileManager.default.fileExists(atPath: single) {
            if FileManager.default.fileExists(atPath: index) {
                let map = try Self.shards(of: index)
                named = map
                shards = Set(map.values).sorted().map { "\(folder)/\($0)" }
            } else if let found = try Self.shardsWithoutIndex(in: folder, stem: stem) {
                shards = found
            } else if let pickle = Self.pickle(in: folder, stem: stem) {
                throw .pickle(path: pickle, stem: stem)
            }
        }
        var stored: [String: StoredTensor] = [:]
        var byteCount = 0
        for shard in shards {
            let file = try SafetensorsFile(path: shard)
            byteCount += file.mapping.count
            for (name, entry) in file.entries {
                let tensor = StoredTensor(file: file, name: name, entry: entry)
                guard stored.updateValue(tensor, forKey: name) == nil else {
                    throw .malformed(path: shard, reason: "\(name) is also in another shard")
                }
            }
        }
        if let missing = named?.keys.sorted().first(where: { stored[$0] == nil }) {
            throw .missing(name: missing, path: index)
        }
        self.byteCount = byteCount
        tensors = try LogicalTensor.all(in: stored, quantization: quantization, path: folder)
    }

    /// Shard of every tensor, as an index file names them.
    private static func shards(of index: String) throws(WeightError) -> [String: String] {
        guard
            let data = FileManager.default.contents(atPath: index),
            let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let map = object["weight_map"] as? [String: String]
        else {
            throw .malformed(path: index, reason: "it has no weight_map of strings")
        }
        if let outside = map.values.first(where: { $0.contains("/") || $0.isEmpty }) {
            throw .malformed(path: index, reason: "shard \"\(outside)\" is not a file name of this folder")
        }
        return map
    }

    /// The shards of a folder whose index is missing; nil when it has none.
    ///
    /// - Throws: ``WeightError/parts(path:reason:remedy:)`` when they are not all there.
    private static func shardsWithoutIndex(in folder: String, stem: String) throws(WeightError) -> [String]? {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let pattern = /(.+)-([0-9]{5})-of-([0-9]{5})\.safetensors/
        let shards = names.compactMap { name in
            name.wholeMatch(of: pattern).flatMap { match in
                match.output.1 == stem ? (name, Int(match.output.2) ?? 0, Int(match.output.3) ?? 0) : nil
            }
        }
        guard let (first, _, count) = shards.first else { return nil }
        guard shards.map(\.2) == [Int](repeating: count, count: shards.count),
            shards.map(\.1) == Array(1...max(1, count))
        else {
            let there = shards.map(\.0).joined(separator: ", ")
            throw .parts(
                path: "\(folder)/\(first)",
                reason:
                    "\(stem).safetensors.index.json is missing, and of the shards only these are there: \(there)",
                remedy: "download the index and all shards"
            )
        }
        return shards.map { "\(folder)/\($0.0)" }
    }

    /// The first weights, by name, that a folder has in a pickle file; a trainer's own state is not meant.
    private static func pickle(in folder: String, stem: String) -> String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let name = names.sorted().first { name in
            if name.hasSuffix(".bin") { return name.hasPrefix("pytorch_model") || name.hasPrefix(stem) }
            return [".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) }
                && !["optimizer", "scheduler", "scaler", "rng_state"].contains { name.hasPrefix($0) }
        }
        return name.map { "\(folder)/\($0)" }
    }

    /// Logical shape of a tensor; nil when the checkpoint does not hold it.
    package func shape(of name: String) -> [Int]? {
        tensors[name]?.shape
    }

    /// How a tensor is stored; nil for a name or a type that is unknown.
    package func format(of name: String) -> WeightFormat? {
        tensors[name]?.format
    }

    /// Reads one tensor as float32 after checking its shape.
    ///
    /// - Parameters:
    ///   - name: Name in the checkpoint.
    ///   - shape: The shape that the configuration gives it.
    /// - Returns: The tensor, of shape `shape`.
    /// - Throws: ``WeightError/missing(name:path:)``, ``WeightError/shape(name:expected:found:)``,
    ///   ``WeightError/elementType(name:found:)``, ``WeightError/nonFinite(name:)``.
    package func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor {
        let found = try logicalTensor(name, shape: shape)
        let tensor =
            if case .plain(let stored) = found.parts {
                try stored.tensor()
            } else {
                try WeightMatrix(found, name: name, quantization: quantization).tensor().reshaped(shape)
            }
        guard tensor.isFinite else { throw .nonFinite(name: name) }
        return tensor
    }

    /// Takes one matrix as it is stored, after checking its shape.
    ///
    /// - Parameters:
    ///   - name: Name in the checkpoint.
    ///   - shape: The shape that the configuration gives it; axes after the first form one row.
    /// - Returns: The matrix, `[shape[0], product of the other axes]`.
    /// - Throws: ``WeightError/missing(name:path:)``, ``WeightError/shape(name:expected:found:)``,
    ///   ``WeightError/elementType(name:found:)``, ``WeightError/malformed(path:reason:)``.
    package func matrix(_ name: String, shape: [Int]) throws(WeightError) -> WeightMatrix {
        try WeightMatrix(logicalTensor(name, shape: shape), name: name, quantization: quantization)
    }

    private func logicalTensor(_ name: String, shape: [Int]) throws(WeightError) -> LogicalTensor {
        guard let tensor = tensors[name] else { throw .missing(name: name, path: path) }
        guard tensor.shape == shape else {
            throw .shape(name: name, expected: shape, found: tensor.shape)
        }
        return tensor
    }
}
