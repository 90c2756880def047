import Shared

/// The trainable part of a policy: low-rank terms on some of its linear maps.
struct LoRAAdapter: Sendable {
    /// What PEFT puts behind a module path for A.
    static let downSuffix = ".lora_A.weight"
    /// What PEFT puts behind a module path for B.
    static let upSuffix = ".lora_B.weight"

    /// Rank, strength and targets.
    let configuration: LoRAConfiguration
    /// The factors by module path.
    private(set) var pairs: [String: LoRAPair]

    /// Wraps pairs; their strength is the configuration's, their ranks may differ from its rank.
    init(configuration: LoRAConfiguration, pairs: [String: LoRAPair]) {
        precondition(
            pairs.values.allSatisfy { $0.b.columnCount == $0.rank },
            "the factors of a pair differ in rank"
        )
        self.configuration = configuration
        self.pairs = pairs
    }

    /// The adapter that training starts from: A is drawn from N(0, 1/rank²), B is zero, so the policy is the base model.
    ///
    /// Source: `init_lora_weights="gaussian"` of huggingface/peft, `tuners/lora/layer.py`.
    ///
    /// - Parameters:
    ///   - transformer: The model to adapt.
    ///   - configuration: Rank, strength and targets.
    ///   - seeds: A stream per module path.
    /// - Returns: An adapter with a pair for every linear map that a target matches.
    /// - Throws: ``LoRAError/unmatchedTarget(suffix:)``.
    static func initial(
        for transformer: any AdaptableTransformer,
        configuration: LoRAConfiguration,
        seeds: SeedTree
    ) throws(LoRAError) -> LoRAAdapter {
        guard configuration.rank > 0, configuration.alpha.isFinite else {
            throw .badConfiguration(reason: "rank \(configuration.rank), alpha \(configuration.alpha)")
        }
        if let suffix = configuration.targets.first(where: { transformer.loraTargets(suffixes: [$0]).isEmpty }
        ) {
            throw .unmatchedTarget(suffix: suffix)
        }
        var pairs: [String: LoRAPair] = [:]
        for target in transformer.loraTargets(suffixes: configuration.targets) {
            var generator = seeds[target.name].generator
            let spread = 1 / Float(configuration.rank)
            let values = generator.normals(count: configuration.rank * target.inputs).map { $0 * spread }
            pairs[target.name] = LoRAPair(
                a: Tensor(values, shape: [configuration.rank, target.inputs]),
                b: Tensor(zeros: [target.outputs, configuration.rank])
            )
        }
        return LoRAAdapter(configuration: configuration, pairs: pairs)
    }

    /// Module paths with a pair, sorted.
    var names: [String] { pairs.keys.sorted() }

    /// How many numbers are trained.
    var parameterCount: Int { pairs.values.reduce(0) { $0 + $1.a.count + $1.b.count } }

    /// All factors, sorted by module path, A before B.
    func parameters() -> [(name: String, tensor: Tensor)] {
        names.flatMap { name in
            pairs[name].map { [(name + Self.downSuffix, $0.a), (name + Self.upSuffix, $0.b)] } ?? []
        }
    }

    /// Replaces a factor by its name in ``parameters()``.
    mutating func set(_ name: String, _ tensor: Tensor) {
        if name.hasSuffix(Self.downSuffix), let pair = pairs[String(name.dropLast(Self.downSuffix.count))] {
            precondition(pair.a.shape == tensor.shape, "\(name) is \(pair.a.shape), not \(tensor.shape)")
            pairs[String(name.dropLast(Self.downSuffix.count))]?.a = tensor
        } else if name.hasSuffix(Self.upSuffix), let pair = pairs[String(name.dropLast(Self.upSuffix.count))]
        {
            precondition(pair.b.shape == tensor.shape, "\(name) is \(pair.b.shape), not \(tensor.shape)")
            pairs[String(name.dropLast(Self.upSuffix.count))]?.b = tensor
        } else {
            preconditionFailure("the adapter has no parameter \(name)")
        }
    }

    /// `(1 - weight) · self + weight · other`, factor by factor; 0 gives this adapter and 1 the other, bit for bit.
    func lerp(to other: LoRAAdapter, weight: Float) -> LoRAAdapter {
        if weight == 0 { return self }
        if weight == 1 { return other }
        var result = self
        for (name, pair) in pairs {
            guard let target = other.pairs[name] else {
                preconditionFailure("the adapters differ in \(name)")
            }
            result.pairs[name] = LoRAPair(
                a: Elementwise.scaledSum(1 - weight, pair.a, weight, target.a),
                b: Elementwise.scaledSum(1 - weight, pair.b, weight, target.b)
            )
        }
        return result
    }
}

/// What can be wrong with an adapter.
enum LoRAError: Error, Equatable, CustomStringConvertible {
    /// Rank or strength make no sense.
    case badConfiguration(reason: String)
    /// A target names no linear map of the model.
    case unmatchedTarget(suffix: String)
    /// An adapter folder cannot be read.
    case badFolder(path: String, reason: String)
    /// An adapter uses a feature of PEFT that is not supported here.
    case unsupported(path: String, feature: String)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .badConfiguration(let reason):
            "the LoRA configuration is not usable: \(reason); give a rank of at least 1 and a finite alpha"
        case .unmatchedTarget(let suffix):
            "LoRA target \"\(suffix)\" matches no linear layer of the policy; correct lora.targets"
        case .badFolder(let path, let reason):
            "cannot read the adapter in \(path): \(reason)"
        case .unsupported(let path, let feature):
            "the adapter in \(path) uses \(feature), which is not supported; export it as plain LoRA"
        }
    }
}
