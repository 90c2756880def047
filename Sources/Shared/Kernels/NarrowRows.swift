import CKernels
import COneDNN

/// Rows of activations in bfloat16 or eight bits, filled up with zero rows to a multiple of ``ProductLayout/rowStep``.
///
/// `@unchecked Sendable` is sound because whoever makes the rows writes them before anybody else gets the object, and
/// nobody writes afterwards.
@safe final class NarrowRows: @unchecked Sendable {
    /// The largest code of an activation.
    private static let highestCode: Int32 = od_has_exact_int8() != 0 ? 255 : 127
    /// Numbers of a block of rows that is made as float32: few enough to stay in a core's cache.
    private static let numbersAtATime = 1 << 15

    let rowCount: Int
    let columnCount: Int
    let precision: Precision
    /// Scale of every row; nil in bfloat16.
    let scales: UnsafeMutablePointer<Float>?
    /// Code of 0 in every row; nil in bfloat16.
    let zeros: UnsafeMutablePointer<Int32>?

    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private var rowByteCount: Int { columnCount * (precision == .int8 ? 1 : 2) }

    /// Makes rows whose numbers are yet to be written.
    init(rowCount: Int, columnCount: Int, precision: Precision) {
        precondition(precision != .float32, "float32 rows are a tensor")
        (self.rowCount, self.columnCount, self.precision) = (rowCount, columnCount, precision)
        let width = columnCount * (precision == .int8 ? 1 : 2)
        let filled = Self.filled(rowCount)
        byteCount = max(1, filled * width)
        unsafe base = StoragePool.take(byteCount)
        unsafe (base + rowCount * width).initializeMemory(
            as: UInt8.self,
            repeating: 0,
            count: (filled - rowCount) * width
        )
        let quantized = precision == .int8
        unsafe scales = quantized ? .allocate(capacity: max(1, rowCount)) : nil
        unsafe zeros = quantized ? .allocate(capacity: max(1, rowCount)) : nil
    }

    /// Makes rows block by block, on all compute threads.
    ///
    /// - Parameters:
    ///   - rowCount: How many rows.
    ///   - columnCount: Numbers of a row.
    ///   - precision: Not float32.
    ///   - make: Writes some rows as float32, one right behind the other.
    convenience init(
        rowCount: Int,
        columnCount: Int,
        precision: Precision,
        _ make: @Sendable (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        self.init(rowCount: rowCount, columnCount: columnCount, precision: precision)
        let height = max(1, Self.numbersAtATime / max(1, columnCount))
        RowBlocks.forEach(rowCount, width: columnCount) { range in
            unsafe WorkMemory.withBytes(height * columnCount * MemoryLayout<Float>.stride) { raw in
                let floats = unsafe raw.assumingMemoryBound(to: Float.self)
                for first in stride(from: range.lowerBound, to: range.upperBound, by: height) {
                    let block = first..<min(range.upperBound, first + height)
                    unsafe make(block, floats)
                    unsafe write(floats, rows: block)
                }
            }
        }
    }

    /// Rounds the rows of a tensor.
    convenience init(_ input: Tensor, precision: Precision) {
        let (rows, columns) = (input.rowCount, input.columnCount)
        self.init(rowCount: rows, columnCount: columns, precision: precision)
        unsafe input.withUnsafeBuffer { source in
            guard let source = source.baseAddress else { return }
            nonisolated(unsafe) let floats = unsafe source
            RowBlocks.forEach(rows, width: columns) { part in
                unsafe write(floats + part.lowerBound * columns, rows: part)
            }
        }
    }

    deinit {
        unsafe StoragePool.give(base, byteCount)
        unsafe scales?.deallocate()
        unsafe zeros?.deallocate()
    }

    private static func filled(_ rows: Int) -> Int {
        (rows + ProductLayout.rowStep - 1) / ProductLayout.rowStep * ProductLayout.rowStep
    }

    /// Rows that are multiplied at a time; all but the last part have ``ProductLayout/largestRowCount``.
    var parts: [Range<Int>] {
        stride(from: 0, to: rowCount, by: ProductLayout.largestRowCount).map {
            $0..<min($0 + ProductLayout.largestRowCount, rowCount)
        }
    }

    /// The product's rows for one of ``parts``.
    static func productRows(_ part: Range<Int>) -> Int { filled(part.count) }

    /// Where a row starts.
    func row(_ index: Int) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(base) + index * rowByteCount
    }

    /// Rounds whole rows.
    ///
    /// - Parameters:
    ///   - floats: `[rows.count, columnCount]`.
    ///   - rows: Where they go.
    private func write(_ floats: UnsafePointer<Float>, rows: Range<Int>) {
        let level = InstructionLevel.best.rawValue
        let target = unsafe base + rows.lowerBound * rowByteCount
        guard let scales = unsafe scales, let zeros = unsafe zeros else {
            unsafe ck_round_f32_bf16(
                level,
                floats,
                target.assumingMemoryBound(to: UInt16.self),
                rows.count * columnCount
            )
            return
        }
        unsafe ck_quantize_f32_u8(
            level,
            floats,
            target.assumingMemoryBound(to: UInt8.self),
            scales + rows.lowerBound,
            zeros + rows.lowerBound,
            rows.count,
            columnCount,
            Self.highestCode
        )
    }

    /// Rounds some columns of some rows to bfloat16; eight bits need whole rows, for their scale.
    ///
    /// - Parameters:
    ///   - floats: `[rows.count, columns.count]`.
    ///   - rows: The rows.
    ///   - columns: The columns.
    func write(_ floats: UnsafePointer<Float>, rows: Range<Int>, columns: Range<Int>) {
        precondition(precision == .bfloat16, "a row of eight-bit numbers has one scale")
        let level = InstructionLevel.best.rawValue
        let numbers = unsafe base.assumingMemoryBound(to: UInt16.self)
        for row in 0..<rows.count {
            unsafe ck_round_f32_bf16(
                level,
                floats + row * columns.count,
                numbers + (rows.lowerBound + row) * columnCount + columns.lowerBound,
                columns.count
            )
        }
    }

    /// Some rows as rows of their own; bfloat16 only.
    func rows(_ range: Range<Int>) -> NarrowRows {
        precondition(
            precision == .bfloat16 && range.lowerBound >= 0 && range.upperBound <= rowCount,
            "rows \(range) of \(rowCount) in \(precision.rawValue)"
        )
        let result = NarrowRows(rowCount: range.count, columnCount: columnCount, precision: precision)
        unsafe result.base.copyMemory(from: row(range.lowerBound), byteCount: range.count * rowByteCount)
        return result
    }

    /// Unpacks some columns of some rows; bfloat16 only.
    ///
    /// - Parameters:
    ///   - rows: The rows.
    ///   - columns: The columns.
    ///   - target: `[rows.count, columns.count]`, overwritten.
    func unpack(rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        precondition(
            precision == .bfloat16 && rows.lowerBound >= 0 && rows.upperBound <= rowCount
                && columns.lowerBound >= 0 && columns.upperBound <= columnCount,
            "rows \(rows), columns \(columns) of [\(rowCount), \(columnCount)] in \(precision.rawValue)"
        )
        let level = InstructionLevel.best.rawValue
        guard columns.count < columnCount else {
            unsafe ck_unpack_bf16_f32(level, row(rows.lowerBound), target, rows.count * columnCount)
            return
        }
        for (index, place) in rows.enumerated() {
            unsafe ck_unpack_bf16_f32(
                level,
                row(place) + 2 * columns.lowerBound,
                target + index * columns.count,
                columns.count
            )
        }
    }
}
