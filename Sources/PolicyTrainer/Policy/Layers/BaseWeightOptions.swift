import Shared

/// How the frozen weights of a policy are kept in memory.
enum BaseWeightFormat: String, Sendable, CaseIterable {
    /// ``float32`` while that takes at most ``BaseWeightOptions/smallByteCount``, else ``stored``.
    case auto
    /// Float32 in memory.
    case float32 = "f32"
    /// As the checkpoint stores them, in its mapped files.
    case stored
    /// Bfloat16: mapped where the checkpoint has it, else rounded to it in memory.
    case bfloat16 = "bf16"
    /// GGUF's eight-bit blocks: mapped where the checkpoint has them, else made in memory.
    case q8_0
    /// GGUF's four-bit blocks: mapped where the checkpoint has them, else made in memory.
    case q4_0

    /// The format that weights are brought into; nil for weights that stay as they are.
    var packed: WeightFormat? {
        switch self {
        case .auto, .float32, .stored: nil
        case .bfloat16: .bfloat16
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        }
    }
}

/// The arithmetic of products with frozen weights and of attention, and the type in which a backward pass keeps what they
/// read; adapters, norms, softmax and sums are float32 in both.
enum TrainingPrecision: String, Sendable, CaseIterable {
    /// Float32.
    case float32 = "f32"
    /// Both factors rounded to bfloat16.
    case bfloat16 = "bf16"

    /// The precision of the products.
    var products: Precision { self == .float32 ? .float32 : .bfloat16 }
}

/// How the frozen weights of a policy are kept and read.
struct BaseWeightOptions: Sendable, Equatable {
    /// Weights up to this size, in bytes as float32, are kept so unless asked otherwise.
    static let smallByteCount = 1 << 30

    /// The format.
    var format = BaseWeightFormat.auto
    /// Whether the pages of mapped files are given back after each product.
    var isStreamed = false
    /// The arithmetic of products with frozen weights; bfloat16 needs oneDNN and a CPU with its instructions.
    var precision = TrainingPrecision.float32

    /// The options with ``BaseWeightFormat/auto`` decided for a checkpoint.
    func resolved(for store: any WeightStore) -> BaseWeightOptions {
        guard format == .auto else { return self }
        let count = store.names.reduce(0) { $0 + (store.shape(of: $1)?.reduce(1, *) ?? 0) }
        var options = self
        options.format = count * MemoryLayout<Float>.stride <= Self.smallByteCount ? .float32 : .stored
        return options
    }

    /// The weight of a layer, once ``BaseWeightFormat/auto`` is decided.
    func weight(of stack: WeightStack) -> BaseWeight {
        format == .float32 && precision == .float32
            ? .floats(stack.tensor()) : BaseWeight(stack, precision: precision.products)
    }

    /// Refuses arithmetic that this machine does not have.
    ///
    /// - Throws: ``PolicyError/setting(name:value:reason:)``.
    func checkPrecision() throws(PolicyError) {
        if let obstacle = precision.products.obstacle {
            throw .setting(name: "precision", value: precision.rawValue, reason: obstacle)
        }
    }

    /// Takes a matrix of a checkpoint in the format asked for, which is no longer ``BaseWeightFormat/auto``.
    ///
    /// - Parameters:
    ///   - name: Name in the checkpoint.
    ///   - shape: `[outputs, inputs]`.
    ///   - store: The checkpoint.
    /// - Returns: The matrix.
    /// - Throws: `WeightError` for a missing or misshapen tensor, or one with a NaN or an infinity.
    func matrix(_ name: String, _ shape: [Int], from store: any WeightStore) throws -> WeightMatrix {
        guard format != .float32 else { return WeightMatrix(try store.tensor(name, shape: shape)) }
        let matrix = try store.matrix(name, shape: shape)
        guard matrix.isFinite else { throw WeightError.nonFinite(name: name) }
        guard let packed = format.packed else { return matrix }
        return try matrix.packed(as: packed, name: name)
    }
}
