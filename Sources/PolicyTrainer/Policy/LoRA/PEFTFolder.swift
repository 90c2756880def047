import Foundation
import Shared

/// Adapters in the folder layout of huggingface/peft: `adapter_config.json` and `adapter_model.safetensors`.
///
/// Source: huggingface/peft 0.21.2, `src/peft/tuners/lora/config.py`, `src/peft/utils/save_and_load.py`.
enum PEFTFolder {
    private static let prefix = "base_model.model."
    private static let configurationName = "adapter_config.json"
    private static let weightsName = "adapter_model"

    /// Writes an adapter; the folder is made when it does not exist.
    ///
    /// - Parameters:
    ///   - adapter: What to write.
    ///   - folder: Where.
    ///   - baseClass: Class of the transformer that it belongs to.
    ///   - baseModel: What `base_model_name_or_path` says.
    /// - Throws: An error of the file system that names the file.
    static func write(
        _ adapter: LoRAAdapter,
        to folder: String,
        baseClass: TransformerClass,
        baseModel: String = ""
    ) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let options: JSONSerialization.WritingOptions = [
            .prettyPrinted, .sortedKeys, .withoutEscapingSlashes,
        ]
        var fields = fields(of: adapter)
        fields["auto_mapping"] = ["base_model_class": baseClass.name, "parent_library": baseClass.module]
        fields["base_model_name_or_path"] = baseModel.isEmpty ? NSNull() as Any : baseModel
        let json = try JSONSerialization.data(withJSONObject: fields, options: options)
        try AtomicFile.write(json, to: "\(folder)/\(configurationName)")
        var tensors: [String: Tensor] = [:]
        for (name, tensor) in adapter.parameters() {
            tensors[prefix + name] = tensor
        }
        try SafetensorsWriter.write(tensors, to: "\(folder)/\(weightsName).safetensors")
    }

    /// The configuration in peft's words, without the model that it belongs to.
    ///
    /// Terms of another rank than the configuration's are named one by one, with an alpha that keeps the strength.
    static func fields(of adapter: LoRAAdapter) -> [String: Any] {
        let ranks = adapter.otherRanks
        return [
            "alpha_pattern": ranks.mapValues { number(adapter.configuration.scale * Float($0)) },
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": "gaussian",
            "lora_alpha": number(adapter.configuration.alpha),
            "lora_dropout": 0,
            "modules_to_save": NSNull(),
            "peft_type": "LORA",
            "r": adapter.configuration.rank,
            "rank_pattern": ranks,
            "target_modules": adapter.configuration.targets,
            "task_type": NSNull(),
            "use_dora": false,
            "use_rslora": false,
        ]
    }

    /// Reads an adapter and checks that it fits a model.
    ///
    /// - Parameters:
    ///   - folder: A folder that this type or peft wrote.
    ///   - transformer: The model; every pair must belong to one of its linear maps.
    /// - Returns: The adapter with its own rank, strength and targets.
    /// - Throws: ``LoRAError`` for the configuration; `WeightError` that names a missing, surplus or misshapen tensor.
    static func read(folder: String, for transformer: any AdaptableTransformer) throws -> LoRAAdapter {
        let (configuration, ranks, alphas) = try readConfiguration(folder, transformer)
        let weights = try WeightFolder(folder: folder, stem: weightsName)
        var terms: [LoRATerm] = []
        var seen: Set<String> = []
        for target in transformer.loraTargets(suffixes: configuration.targets) {
            let (down, up) = (
                prefix + target.name + LoRAAdapter.downSuffix, prefix + target.name + LoRAAdapter.upSuffix
            )
            seen.formUnion([down, up])
            let rank = ranks[target.name].map { Int($0) } ?? configuration.rank
            let alpha = alphas[target.name].map { Float($0) } ?? configuration.alpha
            let pair = LoRAPair(
                a: try weights.tensor(down, shape: [rank, target.inputs]),
                b: try weights.tensor(up, shape: [target.outputs, rank])
            )
            terms.append(LoRATerm(module: target.name, pair: pair, scale: alpha / Float(rank)))
        }
        let surplus = weights.names.filter { !seen.contains($0) }
        guard surplus.isEmpty else { throw WeightError.surplus(names: surplus, path: weights.path) }
        return LoRAAdapter(
            terms: terms,
            rank: configuration.rank,
            scale: configuration.scale,
            targets: configuration.targets
        )
    }

    private static func readConfiguration(
        _ folder: String,
        _ transformer: any AdaptableTransformer
    ) throws -> (LoRAConfiguration, ranks: LoRAPattern, alphas: LoRAPattern) {
        let path = "\(folder)/\(configurationName)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw LoRAError.badFolder(path: folder, reason: "\(configurationName) is missing")
        }
        guard let fields = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw LoRAError.badFolder(path: folder, reason: "\(configurationName) is not a JSON object")
        }
        if let type = fields["peft_type"] as? String, type != "LORA" {
            throw LoRAError.unsupported(path: folder, feature: "peft_type \(type)")
        }
        for key in ["use_rslora", "use_dora", "fan_in_fan_out", "lora_bias"]
        where fields[key] as? Bool == true {
            throw LoRAError.unsupported(path: folder, feature: key)
        }
        for key in ["modules_to_save", "layers_to_transform", "exclude_modules"] {
            if let value = fields[key], !(value is NSNull) {
                throw LoRAError.unsupported(path: folder, feature: key)
            }
        }
        if let bias = fields["bias"] as? String, bias != "none" {
            throw LoRAError.unsupported(path: folder, feature: "bias \(bias)")
        }
        guard let rank = fields["r"] as? Int, rank > 0,
            let alpha = (fields["lora_alpha"] as? NSNumber)?.floatValue
        else {
            throw LoRAError.badFolder(path: folder, reason: "\(configurationName) needs r and lora_alpha")
        }
        guard let targets = fields["target_modules"] as? [String], !targets.isEmpty else {
            throw LoRAError.unsupported(path: folder, feature: "target_modules that are not a list of names")
        }
        if let suffix = targets.first(where: { transformer.loraTargets(suffixes: [$0]).isEmpty }) {
            throw LoRAError.unmatchedTarget(suffix: suffix)
        }
        return (
            LoRAConfiguration(rank: rank, alpha: alpha, targets: targets),
            ranks: try LoRAPattern(fields["rank_pattern"], name: "rank_pattern", path: folder),
            alphas: try LoRAPattern(fields["alpha_pattern"], name: "alpha_pattern", path: folder)
        )
    }

    /// A whole number as an integer, as peft writes it.
    private static func number(_ value: Float) -> Any {
        value == value.rounded() && abs(value) < 1e9 ? Int(value) as Any : Double(value) as Any
    }
}
