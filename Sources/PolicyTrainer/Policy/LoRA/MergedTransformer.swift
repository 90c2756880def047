import Foundation
import Shared

/// A transformer folder whose weights hold an adapter's terms.
enum MergedTransformer {
    private static let stem = "diffusion_pytorch_model"

    /// Writes the folder.
    ///
    /// - Parameters:
    ///   - base: The transformer folder to merge into; its `config.json` is copied.
    ///   - adapter: The terms.
    ///   - layers: All linear layers of the base.
    ///   - elementType: How the numbers are stored.
    ///   - folder: Where; made when it does not exist.
    /// - Throws: `WeightError` for the base; an error of the file system.
    static func write(
        base: String,
        adapter: LoRAAdapter,
        layers: [LinearLayer],
        elementType: ElementType,
        to folder: String
    ) throws {
        let weights = try WeightFolder(folder: base, stem: stem)
        var tensors: [String: Tensor] = [:]
        for name in weights.names {
            tensors[name] = try weights.tensor(name, shape: weights.shape(of: name) ?? [])
        }
        for layer in layers where layer.parts.contains(where: { adapter.pairs[$0.name] != nil }) {
            let merged = layer.merging(adapter).weight.tensor
            for part in layer.parts where adapter.pairs[part.name] != nil {
                tensors[part.name + ".weight"] = merged.rows(part.columns)
            }
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try AtomicFile.write(try ModelIndex.data(path: base + "/config.json"), to: folder + "/config.json")
        try SafetensorsWriter.write(
            tensors,
            to: "\(folder)/\(stem).safetensors",
            elementType: elementType
        )
    }
}
