import CKernels

/// A matrix of whole numbers as compressed-tensors stores it, with its scales and zeros, all in mapped files.
///
/// A weight is (q - zero) × scale, rounded to the type of the scales, in which the reference decoder multiplies.
///
/// Source: vllm-project/compressed-tensors 0.20.1, `compressed_tensors/compressors/pack_quantized/base.py`
/// (`decompress`) and `compressed_tensors/quantization/lifecycle/forward_helpers.py` (`_dequantize`).
struct IntegerRows: Sendable {
    /// How the numbers lie in their bytes.
    enum Layout: Sendable, Equatable {
        /// Four bits each in words of 32, counted from -8.
        case four
        /// Eight bits each in words of 32, counted from -128.
        case eight
        /// A signed byte each.
        case signedByte

        var bits: Int { self == .four ? 4 : 8 }

        /// Bytes of a row.
        func rowByteCount(_ inputs: Int) -> Int {
            self == .signedByte ? inputs : (inputs * bits + 31) / 32 * 4
        }
    }

    /// What is taken off the numbers of a group.
    enum Zeros: Sendable {
        /// Nothing: the scheme is symmetric.
        case none
        /// `[outputs, groups]` signed bytes.
        case plain(MappedBytes)
        /// `[outputs · bits / 32, groups]` words.
        case packed(MappedBytes)

        var bytes: MappedBytes? {
            switch self {
            case .none: nil
            case .plain(let bytes), .packed(let bytes): bytes
            }
        }

        var isPlain: Bool { if case .plain = self { true } else { false } }
    }

    let layout: Layout
    let outputs: Int
    let inputs: Int
    let numbers: MappedBytes
    /// `[outputs, groups]`, or one for the whole matrix.
    let scales: MappedBytes
    let scaleType: ScaleType
    let hasRowScales: Bool
    let zeros: Zeros
    /// Groups of a row.
    let groupCount: Int
    /// Inputs of a group that stand side by side.
    let groupLength: Int
    /// Group of every input; nil when they stand in order.
    let groupOfInput: [Int32]?

    /// Bytes as stored.
    var byteCount: Int { numbers.range.count + scales.range.count + (zeros.bytes?.range.count ?? 0) }

    func unpack(rows: Range<Int>, into target: UnsafeMutablePointer<Float>, level: InstructionLevel) {
        // Any bytes do for zeros that are not there: the kernel gets no pointer to them.
        let zeroBytes = zeros.bytes ?? scales
        unsafe numbers.withUnsafeBytes { numbers in
            unsafe scales.withUnsafeBytes { scales in
                unsafe zeroBytes.withUnsafeBytes { zeroBytes in
                    unsafe (groupOfInput ?? []).withUnsafeBufferPointer { groups in
                        var matrix = unsafe ck_integer_rows(
                            numbers: numbers.baseAddress,
                            scales: scales.baseAddress,
                            zeros: zeros.bytes == nil ? nil : zeroBytes.baseAddress,
                            group_of_input: groupOfInput == nil ? nil : groups.baseAddress,
                            row_bytes: layout.rowByteCount(inputs),
                            inputs: inputs,
                            groups: groupCount,
                            group_length: groupLength,
                            bits: Int32(layout.bits),
                            is_signed: layout == .signedByte ? 1 : 0,
                            scale_type: scaleType.rawValue,
                            has_row_scales: hasRowScales ? 1 : 0,
                            has_plain_zeros: zeros.isPlain ? 1 : 0
                        )
                        unsafe ck_unpack_integers_f32(
                            level.rawValue,
                            &matrix,
                            target,
                            rows.lowerBound,
                            rows.count
                        )
                    }
                }
            }
        }
    }
}

extension IntegerRows {
    /// Joins the tensors of a layer and checks them against each other and against the configuration.
    ///
    /// The sizes are the tensors'; the configuration must have a scheme of these bits and groups.
    ///
    /// - Throws: ``WeightError`` that names the tensor.
    init(
        numbers: StoredTensor,
        scales: StoredTensor,
        zeros: StoredTensor?,
        groups: StoredTensor?,
        shape: [Int],
        schemes: [WeightQuantization.IntegerScheme]
    ) throws(WeightError) {
        (outputs, inputs) = (shape[0], shape[1])
        guard let layout = Self.layout(numbers, shape) else {
            let fits = "as 4 or 8 bits a number of \(shape)"
            throw .contradiction(
                name: numbers.name,
                reason: "is \(numbers.elementType) \(numbers.entry.shape), which does not hold \(fits)",
                remedy: "download the checkpoint again"
            )
        }
        self.layout = layout
        self.numbers = numbers.bytes
        guard let type = ElementType(rawValue: scales.elementType) else {
            throw .elementType(name: scales.name, found: scales.elementType)
        }
        self.scales = scales.bytes
        scaleType = ScaleType(type)
        let scaleShape = scales.entry.shape
        hasRowScales = scaleShape.reduce(1, *) != 1 || outputs == 1
        groupCount = hasRowScales && scaleShape.count == 2 ? scaleShape[1] : 1
        guard !hasRowScales || scaleShape == [outputs, groupCount] || scaleShape == [outputs], groupCount > 0,
            inputs.isMultiple(of: groupCount)
        else {
            throw .shape(name: scales.name, expected: [outputs, 1], found: scaleShape)
        }
        groupLength = inputs / groupCount
        let (bits, length, count) = (layout.bits, groupLength, groupCount)
        let fitting = schemes.filter { scheme in
            scheme.bits == bits && (scheme.groupSize.map { $0 == length } ?? (count == 1))
        }
        guard !fitting.isEmpty else {
            throw .contradiction(
                name: numbers.name,
                reason:
                    "has \(bits) bits in groups of \(length), which no group of the quantization_config has",
                remedy: "use the config.json of this checkpoint"
            )
        }
        self.zeros = try Self.zeros(
            zeros,
            shape: [outputs, groupCount],
            bits: bits,
            isSymmetric: fitting.contains { $0.isSymmetric },
            isAsymmetric: fitting.contains { !$0.isSymmetric },
            numbers: numbers
        )
        groupOfInput = try groups.flatMap { groups throws(WeightError) in
            try Self.order(groups, inputs: shape[1], groupLength: length)
        }
    }

    private static func layout(_ numbers: StoredTensor, _ shape: [Int]) -> Layout? {
        if numbers.elementType == "I8" { return .signedByte }
        guard numbers.elementType == "I32" else { return nil }
        return [Layout.four, .eight].first { layout in
            numbers.entry.shape == [shape[0], layout.rowByteCount(shape[1]) / 4]
        }
    }

    private static func zeros(
        _ zeros: StoredTensor?,
        shape: [Int],
        bits: Int,
        isSymmetric: Bool,
        isAsymmetric: Bool,
        numbers: StoredTensor
    ) throws(WeightError) -> Zeros {
        guard let zeros else {
            guard isSymmetric else {
                throw .missing(
                    name: numbers.name.replacing("_packed", with: "") + "_zero_point",
                    path: numbers.file.path
                )
            }
            return .none
        }
        let isPlain = zeros.elementType == "I8"
        let packed = [(shape[0] * bits + 31) / 32, shape[1]]
        guard isPlain || zeros.elementType == "I32" else {
            throw .elementType(name: zeros.name, found: zeros.elementType)
        }
        guard zeros.entry.shape == (isPlain ? shape : packed) || isPlain && zeros.entry.shape == [shape[0]]
        else {
            throw .shape(name: zeros.name, expected: isPlain ? shape : packed, found: zeros.entry.shape)
        }
        if isAsymmetric { return isPlain ? .plain(zeros.bytes) : .packed(zeros.bytes) }
        // Zeros of a symmetric scheme say nothing when they are in the middle.
        let middle: UInt8 = isPlain ? 0 : bits == 4 ? 0x88 : 0x80
        guard unsafe zeros.bytes.withUnsafeBytes({ bytes in unsafe bytes.allSatisfy { $0 == middle } }) else {
            throw .contradiction(
                name: zeros.name,
                reason: "holds zero points, but the quantization_config says symmetric",
                remedy: "use the config.json of this checkpoint"
            )
        }
        return .none
    }

    /// The group of every input; nil when the tensor was never filled, which the library marks with -1.
    private static func order(
        _ groups: StoredTensor,
        inputs: Int,
        groupLength: Int
    ) throws(WeightError) -> [Int32]? {
        guard groups.entry.shape == [inputs] else {
            throw .shape(name: groups.name, expected: [inputs], found: groups.entry.shape)
        }
        let indices = try groups.file.integers(groups.name)
        guard !indices.contains(-1) else { return nil }
        // The library sorts inputs by their group and cuts the sorted row in groups of one length.
        var counts = [Int](repeating: 0, count: inputs / groupLength)
        for index in indices where counts.indices.contains(index) {
            counts[index] += 1
        }
        guard counts.allSatisfy({ $0 == groupLength }) else {
            throw .malformed(
                path: groups.file.path,
                reason: "\(groups.name) does not put \(groupLength) inputs in each of \(counts.count) groups"
            )
        }
        return indices.map(Int32.init)
    }
}
