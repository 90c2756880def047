package import Shared

/// The arithmetic that a user asks for.
package enum PrecisionChoice: String, Sendable, CaseIterable {
    /// Bfloat16 for large checkpoints of bfloat16 or compressed numbers where the CPU has it, else float32.
    case auto
    /// Float32.
    case f32
    /// Bfloat16 in all linear layers.
    case bf16
    /// Eight bits in the linear layers of the decoder but ``ModelPrecision/sensitive``, bfloat16 or float32 in the others.
    case int8
}

/// The arithmetic of a model's linear layers.
///
/// Norms, softmax, rotation, the residual rows, the patch embedding, and the head's rows are float32 in all of them; the
/// two products of attention are bfloat16 in all but float32, where the CPU multiplies it.
package struct ModelPrecision: Sendable, Equatable {
    /// The layers that bear it.
    package let linear: Precision
    /// The layers that lose too much in eight bits.
    let sensitive: Precision

    /// All layers in float32.
    static let float32 = ModelPrecision(linear: .float32, sensitive: .float32)
    /// All layers in bfloat16.
    static let bfloat16 = ModelPrecision(linear: .bfloat16, sensitive: .bfloat16)

    /// Settles what a user asks for.
    ///
    /// - Parameters:
    ///   - choice: What the user asks for.
    ///   - tensors: The checkpoint.
    /// - Throws: ``ModelError/precision(_:reason:)`` for arithmetic that this machine does not have.
    init(_ choice: PrecisionChoice, for tensors: TensorSource) throws(ModelError) {
        let hasBFloat16 = Precision.bfloat16.obstacle == nil
        switch choice {
        case .auto:
            self =
                hasBFloat16 && tensors.suitsBFloat16
                ? .bfloat16 : .float32
        case .f32:
            self = .float32
        case .bf16:
            try Self.require(.bfloat16)
            self = .bfloat16
        case .int8:
            try Self.require(.int8)
            self.init(linear: .int8, sensitive: hasBFloat16 ? .bfloat16 : .float32)
        }
    }

    private init(linear: Precision, sensitive: Precision) {
        self.linear = linear
        self.sensitive = sensitive
    }

    private static func require(_ precision: Precision) throws(ModelError) {
        if let reason = precision.obstacle { throw .precision(precision, reason: reason) }
    }

    /// The arithmetic of a linear layer.
    ///
    /// In eight bits the inputs of `down_proj` cost most: products of two activations, with few very large values. The
    /// vision tower is a small part of the work.
    ///
    /// - Parameter name: The layer by the names of ``TensorSource``.
    /// - Returns: A precision that this machine has.
    func ofLayer(_ name: String) -> Precision {
        name.hasPrefix("visual.") || name.hasSuffix("down_proj") ? sensitive : linear
    }

    /// Tells scores of one arithmetic from those of another: nil for float32.
    var mark: String? {
        linear == .float32 ? nil : "\(linear.rawValue)/\(sensitive.rawValue)"
    }
}
