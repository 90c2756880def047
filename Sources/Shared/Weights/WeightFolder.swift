internal import Foundation

/// The tensors of a checkpoint folder: one safetensors file, or the shards that an index names.
public struct WeightFolder: Sendable {
    /// The folder or file, for error messages.
    public let path: String
    private let files: [SafetensorsFile]
    private let fileOfTensor: [String: Int]

    /// All tensor names, sorted.
    public var names: [String] { fileOfTensor.keys.sorted() }

    /// Bytes of all files together.
    public var byteCount: Int { files.reduce(0) { $0 + $1.mapping.count } }

    /// Opens `<stem>.safetensors`, or the shards of `<stem>.safetensors.index.json`, of a folder.
    ///
    /// - Parameters:
    ///   - folder: Path of the folder.
    ///   - stem: `model` for transformers, `diffusion_pytorch_model` for diffusers.
    /// - Throws: ``WeightError`` that names the file.
    public init(folder: String, stem: String) throws(WeightError) {
        path = folder
        let index = "\(folder)/\(stem).safetensors.index.json"
        let single = "\(folder)/\(stem).safetensors"
        var shards = [single]
        var named: [String: String]?
        if !FileManager.default.fileExists(atPath: single), FileManager.default.fileExists(atPath: index) {
            guard
                let data = FileManager.default.contents(atPath: index),
                let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
                let map = object["weight_map"] as? [String: String]
            else {
                throw .malformed(path: index, reason: "it has no weight_map of strings")
            }
            if let outside = map.values.first(where: { $0.contains("/") || $0.isEmpty }) {
                throw .malformed(
                    path: index,
                    reason: "shard \"\(outside)\" is not a file name of this folder"
                )
            }
            named = map
            shards = Set(map.values).sorted().map { "\(folder)/\($0)" }
        }
        var files: [SafetensorsFile] = []
        var fileOfTensor: [String: Int] = [:]
        for shard in shards {
            let file = try SafetensorsFile(path: shard)
            for name in file.entries.keys {
                guard fileOfTensor.updateValue(files.count, forKey: name) == nil else {
                    throw .malformed(path: shard, reason: "\(name) is also in another shard")
                }
            }
            files.append(file)
        }
        if let missing = named?.keys.sorted().first(where: { fileOfTensor[$0] == nil }) {
            throw .missing(name: missing, path: index)
        }
        self.files = files
        self.fileOfTensor = fileOfTensor
    }

    /// Shape of a tensor; nil when the checkpoint does not hold it.
    public func shape(of name: String) -> [Int]? {
        fileOfTensor[name].flatMap { files[$0].entries[name]?.shape }
    }

    /// Element type of a tensor as the header spells it; nil when the checkpoint does not hold it.
    public func elementType(of name: String) -> String? {
        fileOfTensor[name].flatMap { files[$0].entries[name]?.elementType }
    }

    /// Reads one tensor as float32 after checking its shape.
    ///
    /// - Parameters:
    ///   - name: Name in the checkpoint.
    ///   - shape: The shape that the configuration gives it.
    /// - Returns: The tensor, of shape `shape`.
    /// - Throws: ``WeightError/missing(name:path:)``, ``WeightError/shape(name:expected:found:)``,
    ///   ``WeightError/elementType(name:found:)``, ``WeightError/nonFinite(name:)``.
    public func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor {
        guard let file = fileOfTensor[name], let found = files[file].entries[name]?.shape else {
            throw .missing(name: name, path: path)
        }
        guard found == shape else { throw .shape(name: name, expected: shape, found: found) }
        let tensor = try files[file].tensor(name)
        guard tensor.isFinite else { throw .nonFinite(name: name) }
        return tensor
    }
}
