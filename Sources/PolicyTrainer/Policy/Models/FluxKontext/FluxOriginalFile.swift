import Foundation
import Shared

/// The tensors of one file that holds a FLUX transformer, under the names of a diffusers folder.
///
/// The file is safetensors or GGUF, as published for ComfyUI, with original names (with or without
/// `model.diffusion_model.` before them, beside which other parts may lie) or diffusers'.
struct FluxOriginalFile: WeightStore {
    let path: String
    let names: [String]
    private let store: any WeightStore
    /// The original place of a tensor by its diffusers name; empty for a file with diffusers' names.
    private let places: [String: Place]

    /// Rows of a tensor of the file.
    private struct Place: Sendable {
        let name: String
        let rows: Range<Int>
        let isWhole: Bool
        let swapsHalves: Bool
    }

    private static let prefix = "model.diffusion_model."

    /// Opens a file.
    ///
    /// - Parameters:
    ///   - path: A `.safetensors` or `.gguf` file.
    ///   - configuration: Sizes of the transformer.
    /// - Throws: ``PolicyError`` for another kind of file; `WeightError` for a damaged one.
    init(path: String, configuration: FluxConfiguration) throws {
        self.path = path
        switch PathText.fileExtension(of: path).lowercased() {
        case "gguf": store = try GGUFFile(path: path)
        case "safetensors":
            store = try WeightFolder(
                folder: PathText.folder(of: PathText.absolute(path)),
                stem: PathText.name(of: PathText.withoutExtension(path))
            )
        default:
            throw PolicyError.unsupported(
                path: path,
                reason: "a transformer in one file must be .safetensors or .gguf"
            )
        }
        let stored = store.names
        let prefix = stored.contains { $0.hasPrefix(Self.prefix) } ? Self.prefix : ""
        guard stored.contains(prefix + "img_in.weight") else {
            places = [:]
            names = stored
            return
        }
        let own = Set(stored.filter { $0.hasPrefix(prefix) })
        var places: [String: Place] = [:]
        var used: Set<String> = []
        for (name, shape) in configuration.tensorShapes {
            guard
                let dot = name.lastIndex(of: "."),
                let place = FluxOriginalNames.place(of: String(name[..<dot]))
            else { continue }
            let original = prefix + place.module + (place.isNorm ? ".scale" : String(name[dot...]))
            guard own.contains(original) else { continue }
            let start = (place.offset ?? 0) * configuration.width
            places[name] = Place(
                name: original,
                rows: start..<(start + shape[0]),
                isWhole: place.offset == nil,
                swapsHalves: place.swapsHalves
            )
            used.insert(original)
        }
        self.places = places
        names = (Array(places.keys) + own.subtracting(used)).sorted()
    }

    var byteCount: Int { store.byteCount }

    func shape(of name: String) -> [Int]? {
        guard let place = places[name] else { return store.shape(of: name) }
        return store.shape(of: place.name).map { place.isWhole ? $0 : [place.rows.count] + $0.dropFirst() }
    }

    func format(of name: String) -> WeightFormat? {
        store.format(of: places[name]?.name ?? name)
    }

    func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor {
        guard let place = places[name] else { return try store.tensor(name, shape: shape) }
        if shape.count > 1 || place.swapsHalves {
            let tensor = try matrix(name, shape: shape).tensor().reshaped(shape)
            guard tensor.isFinite else { throw .nonFinite(name: place.name) }
            return tensor
        }
        let whole = try store.tensor(place.name, shape: try storedShape(place, shape))
        return whole.reshaped([whole.count, 1]).rows(place.rows).reshaped(shape)
    }

    func matrix(_ name: String, shape: [Int]) throws(WeightError) -> WeightMatrix {
        guard let place = places[name] else { return try store.matrix(name, shape: shape) }
        let whole = try store.matrix(place.name, shape: try storedShape(place, shape))
        if place.swapsHalves {
            let (rows, half) = (whole.tensor(), whole.rowCount / 2)
            return WeightMatrix(
                Tensor.concatenatingRows([rows.rows(half..<(2 * half)), rows.rows(0..<half)])
            )
        }
        return place.isWhole ? whole : try whole.rows(place.rows)
    }

    /// The shape of the whole original tensor that holds a part of the given shape.
    private func storedShape(_ place: Place, _ shape: [Int]) throws(WeightError) -> [Int] {
        guard !place.isWhole else { return shape }
        guard let stored = store.shape(of: place.name) else {
            throw .missing(name: place.name, path: path)
        }
        guard stored.dropFirst() == shape.dropFirst(), place.rows.upperBound <= stored.first ?? 0 else {
            throw .shape(
                name: place.name,
                expected: [place.rows.upperBound] + shape.dropFirst(),
                found: stored
            )
        }
        return stored
    }
}
