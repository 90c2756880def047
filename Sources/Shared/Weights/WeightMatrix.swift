import CKernels

/// A matrix `[rowCount, columnCount]` (rows = outputs) kept as its file stores it and unpacked to float32 where it
/// is used.
///
/// Unpacked numbers equal those of the format's reference decoder bit for bit, whichever rows are asked for.
package struct WeightMatrix: Sendable {
    /// Where the numbers lie.
    enum Body: Sendable {
        /// Float32, in memory or at an aligned place of a mapped file.
        case floats(Tensor)
        /// Rows of whole blocks from byte `start` of a mapped file on.
        case blocks(MappedFile, start: Int)
        /// E4M3 with scales.
        case float8(Float8Rows)
        /// Words of AWQ or GPTQ.
        case packed(PackedRows)
        /// Whole numbers of compressed-tensors.
        case integers(IntegerRows)
    }

    /// Outputs.
    package let rowCount: Int
    /// Inputs.
    package let columnCount: Int
    /// How the numbers are stored.
    package let format: WeightFormat
    let body: Body

    /// Bytes as stored.
    package var byteCount: Int {
        switch body {
        case .floats(let tensor): tensor.count * MemoryLayout<Float>.stride
        case .blocks: rowCount * (columnCount / format.blockLength) * format.blockByteCount
        case .float8(let rows): rows.byteCount
        case .packed(let rows): rows.byteCount
        case .integers(let rows): rows.byteCount
        }
    }

    /// The float32 numbers, when they are kept as such; nil for all other formats.
    var floats: Tensor? {
        if case .floats(let tensor) = body { tensor } else { nil }
    }

    /// Makes a float32 matrix of a tensor's rows; axes but the last count as rows.
    package init(_ tensor: Tensor) {
        rowCount = tensor.rowCount
        columnCount = tensor.columnCount
        format = .float32
        body = .floats(tensor)
    }

    /// Refers to a matrix of a mapped file.
    ///
    /// - Parameters:
    ///   - mapping: The file.
    ///   - range: The matrix's bytes.
    ///   - format: A format whose rows stand alone: not FP8, AWQ, GPTQ or packed whole numbers.
    ///   - rowCount: Outputs.
    ///   - columnCount: Inputs; a multiple of the format's block length.
    /// - Throws: ``WeightError/malformed(path:reason:)`` when the bytes do not hold such a matrix.
    package init(
        _ mapping: MappedFile,
        range: Range<Int>,
        format: WeightFormat,
        rowCount: Int,
        columnCount: Int
    ) throws(WeightError) {
        func malformed(_ reason: String) -> WeightError { .malformed(path: mapping.path, reason: reason) }
        let what = "a \(format.rawValue) matrix [\(rowCount), \(columnCount)]"
        guard format.isSelfContained else { throw malformed("\(what) needs scales of its own") }
        guard rowCount >= 0, columnCount >= 0, columnCount.isMultiple(of: format.blockLength) else {
            throw malformed("\(what) does not have rows of whole blocks of \(format.blockLength)")
        }
        let (blocks, overflow) = rowCount.multipliedReportingOverflow(by: columnCount / format.blockLength)
        let (bytes, tooMany) = blocks.multipliedReportingOverflow(by: format.blockByteCount)
        guard !overflow, !tooMany, range.count == bytes else {
            throw malformed("\(what) does not fit \(range.count) bytes")
        }
        guard range.lowerBound >= 0, range.upperBound <= mapping.count else {
            throw malformed("\(what) points outside the file")
        }
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.format = format
        if format == .float32, range.lowerBound.isMultiple(of: MemoryLayout<Float>.alignment) {
            let count = rowCount * columnCount
            let storage = TensorStorage(mapping: mapping, byteOffset: range.lowerBound, count: count)
            body = .floats(Tensor(shape: [rowCount, columnCount], storage: storage))
        } else {
            body = .blocks(mapping, start: range.lowerBound)
        }
    }

    init(_ rows: Float8Rows, rowCount: Int, columnCount: Int) {
        self.rowCount = rowCount
        self.columnCount = columnCount
        format = .float8
        body = .float8(rows)
    }

    init(_ rows: PackedRows) {
        rowCount = rows.outputs
        columnCount = rows.inputs
        format = rows.layout == .awq ? .awq : .gptq
        body = .packed(rows)
    }

    init(_ rows: IntegerRows) {
        rowCount = rows.outputs
        columnCount = rows.inputs
        format = rows.layout == .four ? .packed4 : .packed8
        body = .integers(rows)
    }

    /// Unpacks rows to float32 on the calling thread.
    ///
    /// - Parameters:
    ///   - rows: The rows.
    ///   - target: `[rows.count, columnCount]`, overwritten.
    package func unpack(rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        unsafe unpack(rows: rows, into: target, level: .best)
    }

    /// Unpacks rows with the given instructions; the CPU must have them.
    func unpack(rows: Range<Int>, into target: UnsafeMutablePointer<Float>, level: InstructionLevel) {
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= rowCount,
            "rows \(rows) are outside a matrix of \(rowCount)"
        )
        let count = rows.count * columnCount
        guard count > 0 else { return }
        switch body {
        case .floats(let tensor):
            unsafe tensor.withUnsafeBuffer { source in
                guard let source = source.baseAddress else { return }
                unsafe target.update(from: source + rows.lowerBound * columnCount, count: count)
            }
        case .blocks(let mapping, let start):
            let rowBytes = columnCount / format.blockLength * format.blockByteCount
            let first = start + rows.lowerBound * rowBytes
            unsafe mapping.withUnsafeBytes(first..<(first + rows.count * rowBytes)) { bytes in
                guard let source = bytes.baseAddress else { return }
                unsafe unpackBlocks(source, into: target, count: count, level: level.rawValue)
            }
        case .float8(let numbers): unsafe numbers.unpack(rows: rows, into: target, level: level)
        case .packed(let words): unsafe words.unpack(rows: rows, into: target, level: level)
        case .integers(let numbers): unsafe numbers.unpack(rows: rows, into: target, level: level)
        }
    }

    func unpackBlocks(
        _ source: UnsafeRawPointer,
        into target: UnsafeMutablePointer<Float>,
        count: Int,
        level: Int32
    ) {
        switch format {
        case .float32: unsafe ck_convert_f32_f32(source, target, count)
        case .float16: unsafe ck_unpack_f16_f32(level, source, target, count)
        case .bfloat16: unsafe ck_unpack_bf16_f32(level, source, target, count)
        case .q8_0: unsafe ck_unpack_q8_0_f32(level, source, target, count)
        case .q4_0: unsafe ck_unpack_q4_0_f32(level, source, target, count)
        case .q4_1: unsafe ck_unpack_q4_1_f32(level, source, target, count)
        case .q5_0: unsafe ck_unpack_q5_0_f32(level, source, target, count)
        case .q5_1: unsafe ck_unpack_q5_1_f32(level, source, target, count)
        case .q2K: unsafe ck_unpack_q2_k_f32(level, source, target, count)
        case .q3K: unsafe ck_unpack_q3_k_f32(level, source, target, count)
        case .q4K: unsafe ck_unpack_q4_k_f32(level, source, target, count)
        case .q5K: unsafe ck_unpack_q5_k_f32(level, source, target, count)
        case .q6K: unsafe ck_unpack_q6_k_f32(level, source, target, count)
        case .iq4NL: unsafe ck_unpack_iq4_nl_f32(level, source, target, count)
        case .iq4XS: unsafe ck_unpack_iq4_xs_f32(level, source, target, count)
        case .float8, .awq, .gptq, .packed4, .packed8:
            preconditionFailure("\(format.rawValue) rows are not runs of blocks")
        }
    }
}
