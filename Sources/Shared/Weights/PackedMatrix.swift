import CKernels
import Foundation

/// The weight `[rowCount, columnCount]` (rows = outputs) of products in bfloat16 or int8.
///
/// It is cut into panels of outputs, each in the layout of the product library. Plain numbers are brought into it once;
/// compressed ones stay as their file stores them, and every product unpacks them panel by panel.
package struct PackedMatrix: Sendable {
    /// Outputs of a panel at most: the results of ``ProductLayout/largestRowCount`` rows, of two weights at once, stay in
    /// a core's cache.
    private static let largestPanel = 256
    /// Panels come in multiples of this, so that threads have equal shares.
    private static let panelStep = 8
    /// Outputs that the library computes together.
    private static let block = 64
    /// Rows that are unpacked to float32 at a time.
    private static let rowsAtATime = 16

    /// Some outputs of the matrix.
    struct Panel: Sendable {
        let outputs: Range<Int>
        let layout: ProductLayout
        /// Nil when every product unpacks the panel anew.
        let packed: PackedPanel?
    }

    /// Outputs.
    package let rowCount: Int
    /// Inputs.
    package let columnCount: Int
    /// Bfloat16 or int8.
    package let precision: Precision
    let panels: [Panel]
    /// What panels without packed numbers are made of.
    private let source: WeightMatrix?

    /// Bytes that the matrix takes in memory or in its file.
    package var byteCount: Int {
        source?.byteCount ?? panels.reduce(0) { $0 + ($1.packed?.numbers.byteCount ?? 0) }
    }

    /// Bytes of one packed number.
    var elementByteCount: Int { precision == .int8 ? 1 : 2 }

    /// Prepares a matrix; packs it on all compute threads unless its format is a compressed one.
    ///
    /// Pages of a file whose numbers were packed are given back to the system.
    ///
    /// - Parameters:
    ///   - matrix: The weight.
    ///   - precision: One without an ``Precision/obstacle``, not float32.
    package init(_ matrix: WeightMatrix, precision: Precision) {
        precondition(precision != .float32, "a float32 product takes a matrix as it is")
        // Sums of eight-bit products must fit 32 bits.
        precondition(matrix.columnCount <= 1 << 16, "\(matrix.columnCount) inputs are too many for a product")
        (rowCount, columnCount) = (matrix.rowCount, matrix.columnCount)
        self.precision = precision
        let plain = Self.panels(outputs: matrix.rowCount).map { outputs in
            let (width, inputs) = (outputs.count, matrix.columnCount)
            guard let layout = ProductLayout.shared(precision, outputs: width, inputs: inputs) else {
                preconditionFailure("oneDNN has no \(precision.rawValue) product [\(width), \(inputs)]")
            }
            return Panel(outputs: outputs, layout: layout, packed: nil)
        }
        guard !matrix.format.isCompressed else {
            panels = plain
            source = matrix
            return
        }
        let packed = Lock([PackedPanel?](repeating: nil, count: plain.count))
        Parallel.forEach(plain.count) { index in
            let numbers = AlignedMemory(byteCount: plain[index].layout.byteCount)
            let panel = unsafe Self.pack(plain[index], of: matrix, precision, into: numbers.base) {
                PackedPanel(numbers: numbers, scales: $0, sums: $1)
            }
            packed.withLock { $0[index] = panel }
        }
        panels = zip(plain, packed.withLock { $0 }).map { panel, packed in
            Panel(outputs: panel.outputs, layout: panel.layout, packed: packed)
        }
        source = nil
        matrix.releasePages()
    }

    /// Takes panels that were packed earlier; nil when one is not to be found or the last one differs from the weight's.
    ///
    /// - Parameters:
    ///   - matrix: The weight, not in a compressed format.
    ///   - precision: One without an ``Precision/obstacle``, not float32.
    ///   - find: Finds a panel by its number, its outputs and its bytes.
    init?(
        _ matrix: WeightMatrix,
        precision: Precision,
        panels find: (_ index: Int, _ outputs: Range<Int>, _ byteCount: Int) -> PackedPanel?
    ) {
        (rowCount, columnCount) = (matrix.rowCount, matrix.columnCount)
        self.precision = precision
        source = nil
        var panels: [Panel] = []
        for outputs in Self.panels(outputs: matrix.rowCount) {
            guard
                let layout = ProductLayout.shared(
                    precision,
                    outputs: outputs.count,
                    inputs: matrix.columnCount
                ), let packed = find(panels.count, outputs, layout.byteCount)
            else { return nil }
            panels.append(Panel(outputs: outputs, layout: layout, packed: packed))
        }
        self.panels = panels
        guard let last = panels.last, let packed = last.packed else { return nil }
        let byteCount = last.layout.byteCount
        let isSame = unsafe WorkMemory.withBytes(byteCount) { numbers in
            unsafe Self.pack(last, of: matrix, precision, into: numbers) { scales, sums in
                unsafe scales == packed.scales && sums == packed.sums
                    && memcmp(numbers, packed.numbers.base, byteCount) == 0
            }
        }
        matrix.releasePages()
        guard isSame else { return nil }
    }

    /// Cuts outputs into panels; depends on their number alone, so that a row's bits do too.
    static func panels(outputs: Int) -> [Range<Int>] {
        let blocks = (outputs + block - 1) / block
        let least = (outputs + largestPanel - 1) / largestPanel
        let count = min(blocks, (least + panelStep - 1) / panelStep * panelStep)
        return (0..<count).map { index in
            (blocks * index / count * block)..<min(outputs, blocks * (index + 1) / count * block)
        }
    }

    /// Lends a panel's packed numbers with the scales and sums of its outputs, which bfloat16 does not have.
    func withPacked(
        _ panel: Panel,
        _ body: (UnsafeRawPointer, _ scales: [Float], _ sums: [Int32]) -> Void
    ) {
        if let packed = panel.packed {
            unsafe body(packed.numbers.base, packed.scales, packed.sums)
        } else if let source {
            unsafe WorkMemory.withBytes(panel.layout.byteCount) { numbers in
                unsafe Self.pack(panel, of: source, precision, into: numbers) { scales, sums in
                    unsafe body(numbers, scales, sums)
                }
            }
        }
    }

    /// Brings the outputs of a panel into its layout, on the calling thread.
    private static func pack<Result>(
        _ panel: Panel,
        of matrix: WeightMatrix,
        _ precision: Precision,
        into packed: UnsafeMutableRawPointer,
        _ body: (_ scales: [Float], _ sums: [Int32]) -> Result
    ) -> Result {
        let outputs = panel.outputs.count
        let rowBytes = matrix.columnCount * (precision == .int8 ? 1 : 2)
        var scales = [Float](repeating: 0, count: precision == .int8 ? outputs : 0)
        var sums = [Int32](repeating: 0, count: scales.count)
        guard let words = panel.layout.wordCount else {
            unsafe WorkMemory.withBytes(outputs * rowBytes) { codes in
                for first in stride(from: 0, to: outputs, by: rowsAtATime) {
                    let rows = first..<min(first + rowsAtATime, outputs)
                    unsafe round(
                        rows,
                        of: panel,
                        matrix,
                        precision,
                        into: codes + first * rowBytes,
                        &scales,
                        &sums
                    )
                }
                unsafe panel.layout.pack(codes, into: packed)
            }
            return body(scales, sums)
        }
        // Rows go from their file to their place while they are in the core's cache; the library's own way takes several
        // times as long.
        let abreast = ProductLayout.wordsAbreast
        let columns = unsafe packed.assumingMemoryBound(to: UInt32.self)
        unsafe WorkMemory.withBytes(rowsAtATime * rowBytes) { codes in
            for first in stride(from: 0, to: (outputs + abreast - 1) / abreast * abreast, by: rowsAtATime) {
                let rows = min(first, outputs)..<min(first + rowsAtATime, outputs)
                unsafe round(rows, of: panel, matrix, precision, into: codes, &scales, &sums)
                unsafe ck_pack_words(
                    InstructionLevel.best.rawValue,
                    codes,
                    rowBytes,
                    rows.count,
                    columns + first / abreast * words * abreast + first % abreast,
                    abreast,
                    words
                )
            }
        }
        return body(scales, sums)
    }

    /// Brings some rows of a panel into the narrow type, row-major.
    private static func round(
        _ rows: Range<Int>,
        of panel: Panel,
        _ matrix: WeightMatrix,
        _ precision: Precision,
        into codes: UnsafeMutableRawPointer,
        _ scales: inout [Float],
        _ sums: inout [Int32]
    ) {
        guard !rows.isEmpty else { return }
        let (level, columns) = (InstructionLevel.best.rawValue, matrix.columnCount)
        let count = rows.count * columns
        let place = panel.outputs.lowerBound + rows.lowerBound
        unsafe WorkMemory.withBytes(count * MemoryLayout<Float>.stride) { raw in
            let floats = unsafe raw.assumingMemoryBound(to: Float.self)
            unsafe matrix.unpack(rows: place..<(place + rows.count), into: floats)
            guard precision == .int8 else {
                unsafe ck_round_f32_bf16(level, floats, codes.assumingMemoryBound(to: UInt16.self), count)
                return
            }
            unsafe scales.withUnsafeMutableBufferPointer { scales in
                unsafe sums.withUnsafeMutableBufferPointer { sums in
                    guard let scales = scales.baseAddress, let sums = sums.baseAddress else { return }
                    unsafe ck_quantize_f32_s8(
                        level,
                        floats,
                        codes.assumingMemoryBound(to: Int8.self),
                        scales + rows.lowerBound,
                        sums + rows.lowerBound,
                        rows.count,
                        columns
                    )
                }
            }
        }
    }
}

/// The numbers of a panel in the library's layout.
struct PackedPanel: Sendable {
    let numbers: AlignedMemory
    /// Scale of each output; empty in bfloat16.
    let scales: [Float]
    /// Sum of each output's codes; empty in bfloat16.
    let sums: [Int32]
}
