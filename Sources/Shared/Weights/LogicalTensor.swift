/// One tensor of a checkpoint as the model sees it, whatever tensors of the files it is made of.
struct LogicalTensor: Sendable {
    /// The files' tensors behind it, by file and name.
    enum Parts: Sendable {
        /// A tensor by itself.
        case plain(StoredTensor)
        /// E4M3 numbers; `scale` is `X.weight_scale` or `X.weight_scale_inv`, nil for a plain cast.
        case float8(numbers: StoredTensor, scale: StoredTensor?)
        /// `X.qweight`, `X.qzeros`, `X.scales` and, in some GPTQ files, `X.g_idx`.
        case packed(words: StoredTensor, zeros: StoredTensor, scales: StoredTensor, groups: StoredTensor?)
        /// `X.weight_packed`, or signed bytes `X.weight`, of compressed-tensors with `X.weight_scale` and, when there
        /// are some, `X.weight_zero_point` and `X.weight_g_idx`.
        case integers(
            numbers: StoredTensor,
            scales: StoredTensor,
            zeros: StoredTensor?,
            groups: StoredTensor?
        )
    }

    /// Logical shape; `[outputs, inputs]` of a packed matrix.
    let shape: [Int]
    /// Nil for a type that is not read here.
    let format: WeightFormat?
    let parts: Parts

    /// Names of E4M3 scales, beside `X.weight`.
    private static let scaleSuffixes = ["_scale_inv", "_scale"]
    /// Scales of activations, which are not used: activations stay float32.
    private static let activationScales = [".input_scale", ".activation_scale", ".input_zero_point"]

    /// Joins the tensors of quantised layers.
    ///
    /// - Parameters:
    ///   - stored: All tensors of the files.
    ///   - quantization: What `config.json` says.
    ///   - path: The folder, for error messages.
    /// - Returns: The tensors by the names that a checkpoint without quantisation would have.
    /// - Throws: ``WeightError`` for tensors that do not belong together or that the configuration does not explain.
    static func all(
        in stored: [String: StoredTensor],
        quantization: WeightQuantization?,
        path: String
    ) throws(WeightError) -> [String: LogicalTensor] {
        var rest = stored
        var result: [String: LogicalTensor] = [:]
        for name in stored.keys.sorted() where name.hasSuffix(".qweight") {
            let layer = String(name.dropLast(".qweight".count))
            guard stored[layer + ".weight"] == nil else {
                throw .malformed(path: path, reason: "it holds both \(layer).weight and \(name)")
            }
            result[layer + ".weight"] = try packed(layer, in: &rest, quantization: quantization, path: path)
        }
        if let name = stored.keys.sorted().first(where: isBitsandbytes) {
            throw .quantization(path: path, feature: "weights quantised by bitsandbytes (\(name))")
        }
        for name in stored.keys.sorted() where name.hasSuffix(".weight_packed") {
            let layer = String(name.dropLast(".weight_packed".count))
            guard stored[layer + ".weight"] == nil else {
                throw .malformed(path: path, reason: "it holds both \(layer).weight and \(name)")
            }
            result[layer + ".weight"] = try integers(layer, "weight_packed", in: &rest, quantization, path)
        }
        if case .integers = quantization?.method {
            for (name, tensor) in stored where tensor.elementType == "I8" && name.hasSuffix(".weight") {
                result[name] = try integers(
                    String(name.dropLast(".weight".count)),
                    "weight",
                    in: &rest,
                    quantization,
                    path
                )
            }
        }
        for (name, tensor) in stored where tensor.elementType == "F8_E4M3" {
            result[name] = try float8(name, in: &rest, quantization: quantization, path: path)
        }
        for (name, tensor) in rest {
            let type = ElementType(rawValue: tensor.elementType)
            result[name] = LogicalTensor(
                shape: tensor.entry.shape,
                format: type.map(WeightFormat.init),
                parts: .plain(tensor)
            )
        }
        return result
    }

    /// Whether a name is one that bitsandbytes gives to the state of its layers.
    private static func isBitsandbytes(_ name: String) -> Bool {
        name.contains(".quant_state.bitsandbytes__") || name.hasSuffix(".weight.absmax")
            || name.hasSuffix(".SCB")
    }

    private static func integers(
        _ layer: String,
        _ suffix: String,
        in rest: inout [String: StoredTensor],
        _ quantization: WeightQuantization?,
        _ path: String
    ) throws(WeightError) -> LogicalTensor {
        guard case .integers = quantization?.method else {
            throw .quantization(
                path: path,
                feature:
                    "packed weights (\(layer).\(suffix)) without a quantization_config that explains them"
            )
        }
        guard let numbers = rest.removeValue(forKey: "\(layer).\(suffix)") else {
            throw .missing(name: "\(layer).\(suffix)", path: path)
        }
        guard let scales = rest.removeValue(forKey: layer + ".weight_scale") else {
            throw .missing(name: layer + ".weight_scale", path: path)
        }
        var shape = numbers.entry.shape
        if suffix == "weight_packed" {
            let name = layer + ".weight_shape"
            guard let stored = rest.removeValue(forKey: name) else { throw .missing(name: name, path: path) }
            shape = try stored.file.integers(name)
        }
        guard shape.count == 2, shape.allSatisfy({ $0 > 0 && $0 < 1 << 31 }) else {
            throw .malformed(
                path: path,
                reason: "\(layer).weight has the shape \(shape), which is not a matrix"
            )
        }
        let zeros = rest.removeValue(forKey: layer + ".weight_zero_point")
        let groups = rest.removeValue(forKey: layer + ".weight_g_idx")
        for suffix in activationScales {
            rest[layer + suffix] = nil
        }
        let isFour = suffix == "weight_packed" && (numbers.entry.shape.last ?? 0) < (shape[1] + 3) / 4
        return LogicalTensor(
            shape: shape,
            format: isFour ? .packed4 : .packed8,
            parts: .integers(numbers: numbers, scales: scales, zeros: zeros, groups: groups)
        )
    }

    private static func packed(
        _ layer: String,
        in rest: inout [String: StoredTensor],
        quantization: WeightQuantization?,
        path: String
    ) throws(WeightError) -> LogicalTensor {
        func take(_ suffix: String) throws(WeightError) -> StoredTensor {
            guard let tensor = rest.removeValue(forKey: layer + suffix) else {
                throw .missing(name: layer + suffix, path: path)
            }
            return tensor
        }
        let words = try take(".qweight")
        let shape = words.entry.shape
        guard shape.count == 2 else {
            throw .malformed(path: path, reason: "\(layer).qweight has shape \(shape), which is not a matrix")
        }
        switch quantization?.method {
        case .awq:
            return LogicalTensor(
                shape: [shape[1].multipliedReportingOverflow(by: 8).partialValue, shape[0]],
                format: .awq,
                parts: .packed(
                    words: words,
                    zeros: try take(".qzeros"),
                    scales: try take(".scales"),
                    groups: nil
                )
            )
        case .gptq:
            let groups = rest.removeValue(forKey: layer + ".g_idx")
            return LogicalTensor(
                shape: [shape[1], shape[0].multipliedReportingOverflow(by: 8).partialValue],
                format: .gptq,
                parts: .packed(
                    words: words,
                    zeros: try take(".qzeros"),
                    scales: try take(".scales"),
                    groups: groups
                )
            )
        case .float8, .integers, nil:
            throw .quantization(
                path: path,
                feature: "packed weights (\(layer).qweight) without a quantization_config that explains them"
            )
        }
    }

    private static func float8(
        _ name: String,
        in rest: inout [String: StoredTensor],
        quantization: WeightQuantization?,
        path: String
    ) throws(WeightError) -> LogicalTensor? {
        guard let numbers = rest.removeValue(forKey: name) else { return nil }
        var scale: StoredTensor?
        if name.hasSuffix(".weight") {
            for suffix in scaleSuffixes where scale == nil {
                scale = rest.removeValue(forKey: name + suffix)
            }
            let layer = name.dropLast(".weight".count)
            for suffix in activationScales {
                rest[layer + suffix] = nil
            }
        }
        switch (quantization?.method, scale) {
        case (.float8, nil): throw .missing(name: name + "_scale", path: path)
        case (.float8, _), (_, nil): break
        default:
            throw .quantization(
                path: path,
                feature: "FP8 scales (of \(name)) without a quantization_config that explains them"
            )
        }
        return LogicalTensor(
            shape: numbers.entry.shape,
            format: .float8,
            parts: .float8(numbers: numbers, scale: scale)
        )
    }
}

/// One tensor of one safetensors file.
struct StoredTensor: Sendable {
    let file: SafetensorsFile
    let name: String
    let entry: SafetensorsFile.Entry

    /// The element type as the header spells it.
    var elementType: String { entry.elementType }

    var bytes: MappedBytes { MappedBytes(mapping: file.mapping, range: entry.range) }

    /// The tensor as float32.
    func tensor() throws(WeightError) -> Tensor { try file.tensor(name) }
}
