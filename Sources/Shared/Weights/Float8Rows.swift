import CKernels

/// An E4M3 matrix of a mapped file and its scales.
///
/// Weights are number × scale, multiplied in float32. That is transformers' result when it expands a fine-grained FP8
/// checkpoint into a float32 model; compressed-tensors multiplies in the type of the scales, and so does `rounding`.
///
/// Sources: `integrations/finegrained_fp8.py` (`Fp8Dequantize`) in huggingface/transformers 5.23.0;
/// `compressed_tensors/quantization/lifecycle/forward.py` (`_dequantize`) in neuralmagic/compressed-tensors.
struct Float8Rows: Sendable {
    private let mapping: MappedFile
    private let start: Int
    private let columnCount: Int
    /// `[tile rows, tile columns]`.
    private let scales: Tensor
    private let tile: ScaleTile
    private let rounding: ScaleType
    /// Bytes of numbers and scales as stored.
    let byteCount: Int

    /// Joins numbers and scales.
    ///
    /// - Parameters:
    ///   - numbers: `[rowCount, columnCount]`, one byte each.
    ///   - rowCount: Outputs.
    ///   - columnCount: Inputs.
    ///   - scales: A scale for each tile; nil when all are 1.
    ///   - scaleBytes: Bytes of the scales as stored.
    ///   - tile: Rows and columns that share a scale.
    ///   - rounding: The type that products are rounded to.
    init(
        _ numbers: MappedBytes,
        rowCount: Int,
        columnCount: Int,
        scales: Tensor?,
        scaleBytes: Int,
        tile: ScaleTile,
        rounding: ScaleType
    ) {
        precondition(
            numbers.range.count == rowCount * columnCount,
            "\(numbers.range.count) bytes are not the matrix"
        )
        let tiles = tile.counts(rowCount: rowCount, columnCount: columnCount)
        let scales = scales ?? Tensor([Float](repeating: 1, count: tiles.rows * tiles.columns))
        precondition(
            scales.count == tiles.rows * tiles.columns,
            "\(scales.shape) scales are not one for each tile"
        )
        mapping = numbers.mapping
        start = numbers.range.lowerBound
        self.columnCount = columnCount
        self.scales = scales
        self.tile = tile
        self.rounding = rounding
        byteCount = numbers.range.count + scaleBytes
    }

    func unpack(rows: Range<Int>, into target: UnsafeMutablePointer<Float>, level: InstructionLevel) {
        let range = start..<(start + rows.upperBound * columnCount)
        unsafe mapping.withUnsafeBytes(range) { bytes in
            unsafe scales.withUnsafeBuffer { scales in
                guard let source = bytes.baseAddress else { return }
                var tiles = unsafe ck_scale_tiles(
                    scales: scales.baseAddress,
                    rows: tile.rows,
                    columns: tile.columns,
                    rounding: rounding.rawValue
                )
                unsafe ck_unpack_f8_f32(
                    level.rawValue,
                    source,
                    &tiles,
                    target,
                    rows.lowerBound,
                    rows.count,
                    columnCount
                )
            }
        }
    }
}

/// Rows and columns of a matrix that share a scale; the last tiles may be smaller.
struct ScaleTile: Sendable, Equatable {
    var rows: Int
    var columns: Int

    /// How many tiles a matrix has, down and across.
    func counts(rowCount: Int, columnCount: Int) -> (rows: Int, columns: Int) {
        ((rowCount + rows - 1) / rows, (columnCount + columns - 1) / columns)
    }
}

/// How scales are stored, which is also the type that products with them are rounded to; raw values are the kernels'.
enum ScaleType: Int32, Sendable {
    case float32 = 0
    case float16 = 1
    case bfloat16 = 2

    init(_ type: ElementType) {
        switch type {
        case .float32: self = .float32
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        }
    }

    var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// Some bytes of a mapped file.
struct MappedBytes: Sendable {
    let mapping: MappedFile
    let range: Range<Int>
}
