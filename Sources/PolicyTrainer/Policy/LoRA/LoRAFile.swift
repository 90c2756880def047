import Foundation
import Shared

/// Adapters in one safetensors file: diffusers' `pytorch_lora_weights.safetensors`, and what kohya's scripts write.
///
/// diffusers' names are `transformer.<module>.lora_A.weight` (without the prefix when the transformer alone was saved), and
/// the strength is in the header's `lora_adapter_metadata`. kohya's are `lora_unet_<module>.lora_down.weight` with `_` for
/// every dot, for diffusers' or the original modules, and `.alpha` holds a strength per module. Where neither tells a
/// strength, alpha is the rank, as in diffusers.
///
/// Source: huggingface/diffusers 0.42.1, `loaders/lora_base.py`, `loaders/lora_conversion_utils.py`.
enum LoRAFile {
    /// The file's name in diffusers.
    static let name = "pytorch_lora_weights.safetensors"
    private static let metadataKey = "lora_adapter_metadata"
    private static let prefix = "transformer."

    /// Whether a folder holds such a file and no folder of peft.
    static func isFolder(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(name)")
            && !FileManager.default.fileExists(atPath: "\(path)/adapter_config.json")
    }

    /// Writes an adapter as diffusers does, with its strength in the header.
    ///
    /// - Parameters:
    ///   - adapter: What to write.
    ///   - folder: Gets the file; made when it does not exist.
    /// - Throws: An error of the file system.
    static func write(_ adapter: LoRAAdapter, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let fields = PEFTFolder.fields(of: adapter).filter { name, _ in
            ["alpha_pattern", "bias", "lora_alpha", "lora_dropout", "r", "rank_pattern", "target_modules"]
                .contains(name)
        }
        let prefixed = Dictionary(uniqueKeysWithValues: fields.map { (prefix + $0.key, $0.value) })
        let json = try JSONSerialization.data(withJSONObject: prefixed, options: [.sortedKeys])
        let tensors = adapter.parameters().map { (prefix + $0.name, $0.tensor) }
        try SafetensorsWriter.write(
            Dictionary(uniqueKeysWithValues: tensors),
            to: "\(folder)/\(name)",
            metadata: ["format": "pt", metadataKey: String(decoding: json, as: UTF8.self)]
        )
    }

    /// Reads an adapter and checks that it fits a model.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - layers: All linear layers of the model.
    /// - Returns: The adapter; its rank and strength are the header's, or those of most terms.
    /// - Throws: ``LoRAError``; `WeightError` that names a missing, surplus or misshapen tensor.
    static func read(path: String, layers: [LinearLayer]) throws -> LoRAAdapter {
        let file = try SafetensorsFile(path: path)
        let strengths = try Strengths(file)
        let destinations = destinations(layers)
        var modules: [String: Module] = [:]
        var surplus: [String] = []
        for name in file.entries.keys.sorted() {
            guard let (module, part) = split(name), destinations[module] != nil else {
                surplus.append(name)
                continue
            }
            modules[module, default: Module()][keyPath: part] = name
        }
        if let text = surplus.first(where: { $0.hasPrefix("lora_te") || $0.hasPrefix("text_encoder") }) {
            throw LoRAError.unsupported(path: path, feature: "terms for a text encoder (\(text))")
        }
        if let norm = surplus.first(where: { $0.contains("dora_scale") || $0.contains("magnitude") }) {
            throw LoRAError.unsupported(path: path, feature: "DoRA (\(norm))")
        }
        guard surplus.isEmpty else { throw WeightError.surplus(names: surplus, path: path) }
        guard !modules.isEmpty else { throw LoRAError.badFolder(path: path, reason: "it holds no terms") }
        var terms: [LoRATerm] = []
        for (name, module) in modules.sorted(by: { $0.key < $1.key }) {
            terms += try self.terms(name, module, destinations[name] ?? [], file: file, strengths: strengths)
        }
        if let twice = Dictionary(grouping: terms, by: \.module).first(where: { $0.value.count > 1 }) {
            throw LoRAError.badFolder(path: path, reason: "it has two terms for \(twice.key)")
        }
        return LoRAAdapter(
            terms: terms,
            rank: strengths.rank ?? commonest(terms.map(\.pair.rank)),
            scale: commonest(terms.map(\.scale)),
            targets: targets(of: Set(terms.map(\.module)), layers: layers)
        )
    }

    /// Names of the tensors of one module.
    private struct Module {
        var down: String?
        var up: String?
        var alpha: String?
    }

    /// A linear map that a module of the file acts on, and the rows of B that belong to it.
    private struct Destination {
        var target: LoRATarget
        var swapsHalves = false
    }

    /// What the header says about strengths.
    private struct Strengths {
        let rank: Int?
        private let alpha: Double?
        private let alphas: LoRAPattern

        init(_ file: SafetensorsFile) throws {
            var fields: [String: Any] = [:]
            if let text = file.metadata[LoRAFile.metadataKey] {
                guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                else {
                    throw LoRAError.badFolder(
                        path: file.path,
                        reason: "its \(LoRAFile.metadataKey) is not a JSON object"
                    )
                }
                for (key, value) in object {
                    fields[
                        key.hasPrefix(LoRAFile.prefix) ? String(key.dropFirst(LoRAFile.prefix.count)) : key
                    ] =
                        value
                }
            }
            for key in ["use_rslora", "use_dora"] where fields[key] as? Bool == true {
                throw LoRAError.unsupported(path: file.path, feature: key)
            }
            rank = (fields["r"] as? Int).flatMap { $0 > 0 ? $0 : nil }
            alpha = (fields["lora_alpha"] as? NSNumber)?.doubleValue
            alphas = try LoRAPattern(fields["alpha_pattern"], name: "alpha_pattern", path: file.path)
        }

        /// Alpha of a module of the model; nil when the header does not say.
        func alpha(of module: String) -> Double? { alphas[module] ?? alpha }
    }

    /// The linear maps by the names that files give them.
    private static func destinations(_ layers: [LinearLayer]) -> [String: [Destination]] {
        var result: [String: [Destination]] = [:]
        for layer in layers {
            for part in layer.parts {
                let target = LoRATarget(name: part.name, inputs: layer.inputs, outputs: part.columns.count)
                let flat = part.name.replacing(".", with: "_")
                for name in [
                    prefix + part.name, part.name, "lora_unet_\(flat)", "lora_transformer_\(flat)",
                ] {
                    result[name] = [Destination(target: target)]
                }
                guard let place = FluxOriginalNames.place(of: part.name) else { continue }
                let destination = Destination(target: target, swapsHalves: place.swapsHalves)
                result["lora_unet_" + place.module.replacing(".", with: "_"), default: []].append(destination)
                result["diffusion_model." + place.module, default: []].append(destination)
            }
        }
        return result
    }

    /// Cuts a tensor's name into the module's and what it is.
    private static func split(_ name: String) -> (module: String, part: WritableKeyPath<Module, String?>)? {
        let endings: [(String, WritableKeyPath<Module, String?>)] = [
            (".lora_A.weight", \.down), (".lora_down.weight", \.down), (".lora_B.weight", \.up),
            (".lora_up.weight", \.up), (".alpha", \.alpha),
        ]
        return endings.first { name.hasSuffix($0.0) }.map { (String(name.dropLast($0.0.count)), $0.1) }
    }

    /// The terms of a module: one, or one for every map that it fuses, which then share A.
    private static func terms(
        _ name: String,
        _ module: Module,
        _ destinations: [Destination],
        file: SafetensorsFile,
        strengths: Strengths
    ) throws -> [LoRATerm] {
        guard let down = module.down, let up = module.up else {
            let ending = module.down == nil ? "down (A)" : "up (B)"
            throw WeightError.missing(name: "\(name), its \(ending) factor", path: file.path)
        }
        let a = try file.tensor(down)
        let b = try file.tensor(up)
        let (rank, inputs) = (a.shape.first ?? 0, destinations.first?.target.inputs ?? 0)
        guard rank > 0, a.shape == [rank, inputs] else {
            throw WeightError.shape(name: down, expected: [max(1, rank), inputs], found: a.shape)
        }
        let outputs = destinations.reduce(0) { $0 + $1.target.outputs }
        guard b.shape == [outputs, rank] else {
            throw WeightError.shape(name: up, expected: [outputs, rank], found: b.shape)
        }
        for (tensor, name) in [(a, down), (b, up)] where !tensor.isFinite {
            throw WeightError.nonFinite(name: name)
        }
        let own = try module.alpha.map { try file.tensor($0).values.first.map(Double.init) ?? .nan }
        var row = 0
        return try destinations.map { destination in
            let alpha = own ?? strengths.alpha(of: destination.target.name) ?? Double(rank)
            guard alpha.isFinite, alpha != 0 else {
                throw LoRAError.badFolder(path: file.path, reason: "alpha of \(name) is \(alpha)")
            }
            let count = destination.target.outputs
            var rows = b.rows(row..<(row + count))
            row += count
            if destination.swapsHalves {
                rows = Tensor.concatenatingRows([rows.rows(count / 2..<count), rows.rows(0..<count / 2)])
            }
            return LoRATerm(
                module: destination.target.name,
                pair: LoRAPair(a: a, b: rows),
                scale: Float(alpha / Double(rank))
            )
        }
    }

    /// The value that most have; of equals the largest.
    private static func commonest<Value: Hashable & Comparable>(_ values: [Value]) -> Value {
        let counts = Dictionary(grouping: values) { $0 }.mapValues(\.count)
        guard let best = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else {
            preconditionFailure("no terms")
        }
        return best.key
    }

    /// Endings that name exactly the given modules: those behind the block's number, or else the whole paths.
    private static func targets(of modules: Set<String>, layers: [LinearLayer]) -> [String] {
        let endings = Set(
            modules.map { module in
                let path = module.split(separator: ".")
                guard let number = path.firstIndex(where: { Int($0) != nil }), number == 1 else {
                    return module
                }
                return path[2...].joined(separator: ".")
            }
        ).sorted()
        let matched = layers.flatMap(\.parts).map(\.name).filter { name in
            endings.contains { name == $0 || name.hasSuffix("." + $0) }
        }
        return Set(matched) == modules ? endings : modules.sorted()
    }
}
