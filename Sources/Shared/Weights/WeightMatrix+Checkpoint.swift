extension WeightMatrix {
    /// Makes the matrix of a checkpoint's tensor, as it is stored.
    ///
    /// - Parameters:
    ///   - tensor: The tensor; its shape has been compared with the configuration's.
    ///   - name: Its name, for error messages.
    ///   - quantization: What `config.json` says about quantised tensors.
    /// - Throws: ``WeightError`` for a tensor that is no such matrix.
    init(
        _ tensor: LogicalTensor,
        name: String,
        quantization: WeightQuantization?
    ) throws(WeightError) {
        let rowCount = tensor.shape.first ?? 1
        let columnCount = tensor.shape.dropFirst().reduce(1, *)
        switch tensor.parts {
        case .plain(let stored):
            guard let format = tensor.format else {
                throw .elementType(name: name, found: stored.elementType)
            }
            try self.init(
                stored.file.mapping,
                range: stored.entry.range,
                format: format,
                rowCount: rowCount,
                columnCount: columnCount
            )
        case .float8(let numbers, let scale):
            let rows = try Self.float8(
                numbers,
                scale: scale,
                rowCount: rowCount,
                columnCount: columnCount,
                quantization: quantization
            )
            self.init(rows, rowCount: rowCount, columnCount: columnCount)
        case .packed(let words, let zeros, let scales, let groups):
            self.init(
                try Self.packed(words, zeros, scales, groups, quantization: quantization)
            )
        case .integers(let numbers, let scales, let zeros, let groups):
            guard case .integers(let schemes) = quantization?.method else {
                throw .elementType(name: name, found: numbers.elementType)
            }
            self.init(
                try IntegerRows(
                    numbers: numbers,
                    scales: scales,
                    zeros: zeros,
                    groups: groups,
                    shape: tensor.shape,
                    schemes: schemes
                )
            )
        }
    }

    private static func float8(
        _ numbers: StoredTensor,
        scale: StoredTensor?,
        rowCount: Int,
        columnCount: Int,
        quantization: WeightQuantization?
    ) throws(WeightError) -> Float8Rows {
        var tile = ScaleTile(rows: max(1, rowCount), columns: max(1, columnCount))
        var rounding = ScaleType.float32
        if let scale, case .float8(let block, let roundsToScaleType) = quantization?.method {
            tile = try Self.tile(of: scale, block: block, rowCount: rowCount, columnCount: columnCount)
            if roundsToScaleType, let type = ElementType(rawValue: scale.elementType) {
                rounding = ScaleType(type)
            }
        }
        return Float8Rows(
            numbers.bytes,
            rowCount: rowCount,
            columnCount: columnCount,
            scales: try scale?.tensor(),
            scaleBytes: scale?.entry.range.count ?? 0,
            tile: tile,
            rounding: rounding
        )
    }

    /// What a scale belongs to: a block of the configured size, the whole matrix, or a row.
    private static func tile(
        of scale: StoredTensor,
        block: ScaleTile,
        rowCount: Int,
        columnCount: Int
    ) throws(WeightError) -> ScaleTile {
        let shape = scale.entry.shape
        let blocks = block.counts(rowCount: rowCount, columnCount: columnCount)
        if shape == [blocks.rows, blocks.columns] { return block }
        let whole = ScaleTile(rows: max(1, rowCount), columns: max(1, columnCount))
        if shape.reduce(1, *) == 1 { return whole }
        if shape == [rowCount] || shape == [rowCount, 1] {
            return ScaleTile(rows: 1, columns: whole.columns)
        }
        throw .shape(name: scale.name, expected: [blocks.rows, blocks.columns], found: shape)
    }

    private static func packed(
        _ words: StoredTensor,
        _ zeros: StoredTensor,
        _ scales: StoredTensor,
        _ groups: StoredTensor?,
        quantization: WeightQuantization?
    ) throws(WeightError) -> PackedRows {
        let isAWQ: Bool
        let groupSize: Int?
        let zeroOffset: Int
        switch quantization?.method {
        case .awq(let size): (isAWQ, groupSize, zeroOffset) = (true, size, 0)
        case .gptq(let size, let offset, _): (isAWQ, groupSize, zeroOffset) = (false, size, offset)
        case .float8, .integers, nil: throw .elementType(name: words.name, found: words.elementType)
        }
        // Eight numbers to a word; the header's own check keeps the products in range.
        let outputs = words.entry.shape[1] * (isAWQ ? 8 : 1)
        let inputs = words.entry.shape[0] * (isAWQ ? 1 : 8)
        let length = groupSize ?? max(1, inputs)
        let groupCount = (inputs + length - 1) / length
        for part in [words, zeros, groups].compactMap({ $0 }) where part.elementType != "I32" {
            throw .elementType(name: part.name, found: part.elementType)
        }
        guard let scaleType = ElementType(rawValue: scales.elementType) else {
            throw .elementType(name: scales.name, found: scales.elementType)
        }
        guard outputs.isMultiple(of: 8), !isAWQ || inputs.isMultiple(of: length) else {
            throw .malformed(
                path: words.file.path,
                reason: "\(words.name) of shape \(words.entry.shape) is not cut in groups of \(length)"
            )
        }
        for (part, expected) in [(zeros, [groupCount, outputs / 8]), (scales, [groupCount, outputs])]
        where part.entry.shape != expected {
            throw .shape(name: part.name, expected: expected, found: part.entry.shape)
        }
        var groupOfInput = (0..<inputs).map { Int32($0 / length) }
        if let groups {
            guard groups.entry.shape == [inputs] else {
                throw .shape(name: groups.name, expected: [inputs], found: groups.entry.shape)
            }
            let indices = try groups.file.integers(groups.name)
            guard indices.allSatisfy({ $0 >= 0 && $0 < groupCount }) else {
                throw .malformed(
                    path: groups.file.path,
                    reason: "\(groups.name) names a group beyond \(groupCount)"
                )
            }
            groupOfInput = indices.map(Int32.init)
        }
        if case .gptq(_, let offset, let claims) = quantization?.method {
            try GPTQCheck(claims: claims, zeroOffset: offset)
                .check(zeros, groupOfInput: groupOfInput, groupLength: length, indices: groups)
        }
        return PackedRows(
            layout: isAWQ ? .awq : .gptq,
            outputs: outputs,
            inputs: inputs,
            zeros: zeros.bytes,
            words: words.bytes,
            scales: scales.bytes,
            scaleType: ScaleType(scaleType),
            groups: groupOfInput,
            zeroOffset: zeroOffset
        )
    }
}
