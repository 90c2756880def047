/// What the `quantization_config` of a model's `config.json` says about its linear layers.
///
/// Which layers are quantised is read off the tensors themselves; lists such as `modules_to_not_convert` say the same
/// and are not needed. Activations stay float32 here, whatever scheme the configuration has for them.
package struct WeightQuantization: Sendable, Equatable {
    /// A scheme that can be read.
    enum Method: Sendable, Equatable {
        /// AutoAWQ, GEMM version; nil for one group over all inputs.
        case awq(groupSize: Int?)
        /// AutoGPTQ and GPTQModel; `zeroOffset` is 1 in the first format, 0 in the second.
        case gptq(groupSize: Int?, zeroOffset: Int, claims: GPTQClaims = GPTQClaims())
        /// Whole numbers of compressed-tensors, in one scheme or several.
        case integers([IntegerScheme])
        /// E4M3 with a scale for each tile, for each row, or for the matrix.
        case float8(tile: ScaleTile, roundsToScaleType: Bool)
    }

    /// One group of layers of a compressed-tensors configuration.
    struct IntegerScheme: Sendable, Equatable {
        let bits: Int
        /// Inputs that share a scale; nil for one scale a row, or one for the matrix.
        let groupSize: Int?
        let isSymmetric: Bool
    }

    /// What a GPTQ configuration says that the tensors say as well; nil where it is silent.
    struct GPTQClaims: Sendable, Equatable {
        /// `sym`: all zero points are 8.
        var isSymmetric: Bool?
        /// `desc_act`: inputs may stand out of the order of their groups.
        var isReordered: Bool?
    }

    let method: Method

    /// Reads a `quantization_config`.
    ///
    /// - Parameters:
    ///   - fields: The object as decoded from JSON.
    ///   - path: The file, for error messages.
    /// - Throws: ``WeightError/quantization(path:feature:)`` that names what is not supported.
    package init(_ fields: [String: Any], path: String) throws(WeightError) {
        let reader = Reader(fields: fields, path: path)
        switch (fields["quant_method"] as? String)?.lowercased() {
        case "awq": method = try reader.awq()
        case "gptq": method = try reader.gptq()
        case "fp8": method = try reader.float8()
        case "compressed-tensors": method = try reader.compressedTensors()
        case let other: throw .quantization(path: path, feature: "quant_method \(other ?? "(none)")")
        }
    }

    /// The fields of one object.
    private struct Reader {
        let fields: [String: Any]
        let path: String

        func unsupported(_ feature: String) -> WeightError { .quantization(path: path, feature: feature) }

        /// The first of some names for one text, in lower case.
        func text(_ names: String...) -> String? {
            names.lazy.compactMap { fields[$0] as? String }.first?.lowercased()
        }

        func isNonEmpty(_ name: String) -> Bool {
            ((fields[name] as? [String: Any])?.isEmpty == false)
                || ((fields[name] as? [Any])?.isEmpty == false)
        }

        /// The group size; nil for one group over all inputs.
        func groupSize(_ names: String...) throws(WeightError) -> Int? {
            let size = names.lazy.compactMap { fields[$0] as? Int }.first ?? 128
            guard size > 0 || size == -1 else { throw unsupported("group_size \(size)") }
            return size == -1 ? nil : size
        }

        func checkBits(_ names: String..., method: String) throws(WeightError) {
            let bits = names.lazy.compactMap { fields[$0] as? Int }.first ?? 4
            guard bits == 4 else { throw unsupported("\(method) with \(bits) bits") }
        }

        func awq() throws(WeightError) -> Method {
            try checkBits("bits", "w_bit", method: "AWQ")
            let version = text("version", "format", "checkpoint_format") ?? "gemm"
            guard version == "gemm" else { throw unsupported("AWQ version \(version)") }
            guard text("backend") != "llm-awq" else { throw unsupported("AWQ in the layout of llm-awq") }
            guard fields["zero_point"] as? Bool ?? true else { throw unsupported("AWQ without zero points") }
            return .awq(groupSize: try groupSize("group_size", "q_group_size"))
        }

        func gptq() throws(WeightError) -> Method {
            try checkBits("bits", method: "GPTQ")
            if let first = text("checkpoint_format"), let second = text("format"), first != second {
                throw unsupported("GPTQ with checkpoint_format \(first) but format \(second)")
            }
            let format = text("checkpoint_format", "format") ?? "gptq"
            guard ["gptq", "gptq_v2"].contains(format) else {
                throw unsupported("GPTQ in the layout \(format)")
            }
            guard !(fields["is_marlin_format"] as? Bool ?? false) else {
                throw unsupported("GPTQ in the layout marlin")
            }
            guard text("pack_dtype") ?? "int32" == "int32" else {
                throw unsupported("GPTQ packed in \(text("pack_dtype") ?? "")")
            }
            if let overrides = fields["dynamic"] as? [String: Any],
                let rule = overrides.keys.sorted().first(where: { !$0.hasPrefix("-:") })
            {
                throw unsupported("GPTQ with settings of its own for \(rule)")
            }
            return .gptq(
                groupSize: try groupSize("group_size"),
                zeroOffset: format == "gptq" ? 1 : 0,
                claims: GPTQClaims(
                    isSymmetric: fields["sym"] as? Bool,
                    isReordered: fields["desc_act"] as? Bool
                )
            )
        }

        func float8() throws(WeightError) -> Method {
            let kind = text("fmt") ?? "e4m3"
            guard ["e4m3", "float8_e4m3", "float8_e4m3fn"].contains(kind) else {
                throw unsupported("FP8 of kind \(kind)")
            }
            let scales = text("scale_fmt") ?? "float"
            guard scales == "float" else { throw unsupported("FP8 with scales of kind \(scales)") }
            return .float8(tile: try tile(fields["weight_block_size"]), roundsToScaleType: false)
        }

        func compressedTensors() throws(WeightError) -> Method {
            guard let groups = fields["config_groups"] as? [String: Any], !groups.isEmpty else {
                throw unsupported("compressed-tensors without config_groups")
            }
            for feature in ["transform_config"] where isNonEmpty(feature) {
                throw unsupported("compressed-tensors with \(feature)")
            }
            if let sparsity = (fields["sparsity_config"] as? [String: Any])?["format"] as? String,
                sparsity != "dense"
            {
                throw unsupported("compressed-tensors with sparsity format \(sparsity)")
            }
            var methods: [Method] = []
            var schemes: [IntegerScheme] = []
            for (name, value) in groups.sorted(by: { $0.key < $1.key }) {
                let group = value as? [String: Any] ?? [:]
                let format = group["format"] as? String ?? fields["format"] as? String ?? "(none)"
                guard let weights = group["weights"] as? [String: Any] else {
                    throw unsupported("compressed-tensors format \(format) in \(name)")
                }
                switch format {
                case "float-quantized",
                    "naive-quantized" where weights["type"] as? String == "float":
                    methods.append(try floats(weights))
                case "pack-quantized", "int-quantized", "naive-quantized":
                    schemes.append(try integers(weights))
                default: throw unsupported("compressed-tensors format \(format) in \(name)")
                }
            }
            if !schemes.isEmpty {
                methods.append(.integers(schemes))
            }
            guard let first = methods.first, methods.allSatisfy({ $0 == first }) else {
                throw unsupported("compressed-tensors with several kinds of weights or block structures")
            }
            return first
        }

        private func floats(_ weights: [String: Any]) throws(WeightError) -> Method {
            let type = weights["type"] as? String ?? "(none)"
            let bits = weights["num_bits"] as? Int ?? 0
            let strategy = weights["strategy"] as? String ?? "tensor"
            guard type == "float", bits == 8, ["tensor", "channel", "block"].contains(strategy),
                weights["symmetric"] as? Bool ?? true
            else {
                throw unsupported("compressed-tensors weights of \(bits) bits, \(type), \(strategy)")
            }
            return .float8(tile: try tile(weights["block_structure"]), roundsToScaleType: true)
        }

        private func integers(_ weights: [String: Any]) throws(WeightError) -> IntegerScheme {
            let type = weights["type"] as? String ?? "int"
            let bits = weights["num_bits"] as? Int ?? 8
            let size = weights["group_size"] as? Int
            let implied = (size ?? 0) > 0 ? "group" : size == -1 ? "channel" : "tensor"
            let strategy = weights["strategy"] as? String ?? implied
            guard type == "int", bits == 4 || bits == 8, ["tensor", "channel", "group"].contains(strategy)
            else {
                throw unsupported("compressed-tensors weights of \(bits) bits, \(type), \(strategy)")
            }
            if strategy == "group" {
                guard let size, size > 0 else {
                    throw unsupported("compressed-tensors groups without a group_size")
                }
            }
            return IntegerScheme(
                bits: bits,
                groupSize: strategy == "group" ? size : nil,
                isSymmetric: weights["symmetric"] as? Bool ?? true
            )
        }

        /// A pair of sizes; 128 × 128, as in all published checkpoints, when it is left out.
        private func tile(_ value: Any?) throws(WeightError) -> ScaleTile {
            guard let sizes = value as? [Int] else { return ScaleTile(rows: 128, columns: 128) }
            guard sizes.count == 2, sizes.allSatisfy({ $0 > 0 }) else {
                throw unsupported("scales in blocks of \(sizes)")
            }
            return ScaleTile(rows: sizes[0], columns: sizes[1])
        }
    }
}
