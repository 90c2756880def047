import Shared

/// A low-rank term as a file gives it, with a strength of its own.
struct LoRATerm: Sendable {
    /// Module path in the model.
    var module: String
    /// The factors.
    var pair: LoRAPair
    /// Factor of `(x Aᵀ) Bᵀ`.
    var scale: Float
}

extension LoRAAdapter {
    /// Gathers terms of any ranks and strengths.
    ///
    /// An adapter has one strength; a term with another one gets the quotient into its B.
    ///
    /// - Parameters:
    ///   - terms: At most one for a module.
    ///   - rank: Rank that the configuration names.
    ///   - scale: Strength that the configuration names.
    ///   - targets: Endings of module paths that give exactly the modules of the terms.
    init(terms: [LoRATerm], rank: Int, scale: Float, targets: [String]) {
        var pairs: [String: LoRAPair] = [:]
        for term in terms {
            var pair = term.pair
            if term.scale != scale {
                pair.b = Elementwise.scaledSum(term.scale / scale, pair.b, 0, pair.b)
            }
            pairs[term.module] = pair
        }
        self.init(
            configuration: LoRAConfiguration(rank: rank, alpha: scale * Float(rank), targets: targets),
            pairs: pairs
        )
    }

    /// Terms whose rank is not the configuration's, by module path: what peft's `rank_pattern` must hold.
    var otherRanks: [String: Int] {
        pairs.mapValues(\.rank).filter { $0.value != configuration.rank }
    }

    /// Opens an adapter in any layout that is known here.
    ///
    /// - Parameters:
    ///   - path: A folder of peft, a folder with `pytorch_lora_weights.safetensors`, or such a file, of diffusers or kohya.
    ///   - transformer: The model; every term must belong to one of its linear maps.
    /// - Returns: The adapter.
    /// - Throws: ``LoRAError`` for the configuration; `WeightError` that names a missing, surplus or misshapen tensor.
    static func read(path: String, for transformer: any AdaptableTransformer) throws -> LoRAAdapter {
        if path.hasSuffix(".safetensors") {
            return try LoRAFile.read(path: path, layers: transformer.linearLayers)
        }
        if LoRAFile.isFolder(path) {
            return try LoRAFile.read(path: "\(path)/\(LoRAFile.name)", layers: transformer.linearLayers)
        }
        return try PEFTFolder.read(folder: path, for: transformer)
    }
}
