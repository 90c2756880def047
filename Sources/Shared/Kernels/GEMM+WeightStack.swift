import CKernels

/// Products with frozen weights in bfloat16, from both sides: what training needs of a layer that stays as it is stored.
///
/// Nothing is kept packed. Each product brings the weight to the product library panel by panel; a panel is some columns of the
/// result, computed by one thread over all of its terms, so that rows do not influence each other's rounding.
extension GEMM {
    /// `x · weightᵀ + bias`.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`, in bfloat16.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`; nil for none.
    /// - Returns: `[rows, outputs]`.
    package static func bfloat16(_ x: ProductRows, weight: WeightStack, bias: Tensor?) -> Tensor {
        let (rows, outputs) = (x.rowCount, weight.rowCount)
        guard case .narrow(let narrow) = x.storage, x.precision == .bfloat16,
            x.columnCount == weight.columnCount, bias.map({ $0.count == outputs }) ?? true
        else {
            preconditionFailure(
                "\(x.precision.rawValue) rows of \(x.columnCount) numbers or bias \(bias?.shape ?? []) do not fit "
                    + "[\(outputs), \(weight.columnCount)]"
            )
        }
        return unsafe Tensor([rows, outputs]) { y in
            guard let y = y.baseAddress else { return }
            unsafe bias?.withUnsafeBuffer { bias in
                guard let bias = bias.baseAddress else { return }
                unsafe Elementwise.fill(y, stride: outputs, rows: rows, width: outputs, with: bias)
            }
            unsafe StackProduct(narrow, weight, isTransposed: false).run(into: y, adds: bias != nil)
        }
    }

    /// `g · weight`, added to what `dx` holds if asked for.
    ///
    /// - Parameters:
    ///   - g: `[rows, outputs]`.
    ///   - weight: `[outputs, inputs]`.
    ///   - dx: `[rows, inputs]`.
    ///   - adds: Whether to add.
    package static func bfloat16Back(
        _ g: Tensor,
        weight: WeightStack,
        into dx: UnsafeMutablePointer<Float>,
        adds: Bool
    ) {
        precondition(
            g.columnCount == weight.rowCount,
            "gradient \(g.shape) does not fit [\(weight.rowCount), \(weight.columnCount)]"
        )
        let rows = NarrowRows(g, precision: .bfloat16)
        unsafe StackProduct(rows, weight, isTransposed: true).run(into: dx, adds: adds)
    }
}

/// Rows times a stack or its transposed.
private struct StackProduct {
    /// Columns of the result that one panel has at most: their packed weights stay in the last-level cache.
    private static let largestPanel = 512
    /// Rows of the weight that are rounded at a time.
    private static let rowsAtATime = 16

    private let rows: NarrowRows
    private let weight: WeightStack
    /// Whether the rows are multiplied by the weight as it lies, not by its transposed.
    private let isTransposed: Bool

    /// Columns of the result.
    private var width: Int { isTransposed ? weight.columnCount : weight.rowCount }
    /// Terms of every sum.
    private var depth: Int { rows.columnCount }

    init(_ rows: NarrowRows, _ weight: WeightStack, isTransposed: Bool) {
        self.rows = rows
        self.weight = weight
        self.isTransposed = isTransposed
    }

    /// Computes the product.
    ///
    /// - Parameters:
    ///   - y: `[rows, width]`.
    ///   - adds: Whether to add to what it holds.
    func run(into y: UnsafeMutablePointer<Float>, adds: Bool) {
        guard rows.rowCount > 0 else { return }
        weight.prefetchNext()
        let panels = self.panels
        // Each thread writes its own columns.
        nonisolated(unsafe) let target = unsafe y
        let body = { @Sendable (index: Int) in
            unsafe multiply(panels[index], into: target, adds: adds)
        }
        if GEMM.threadCount > 1 {
            Parallel.forEach(panels.count, body)
        } else {
            (0..<panels.count).forEach(body)
        }
        if weight.isStreamed { weight.releasePages() }
    }

    /// Columns of the result by panel; they depend on the weight alone.
    private var panels: [Range<Int>] {
        let step = WeightMatrix.columnStep
        let blocks = (width + step - 1) / step
        let count = (width + Self.largestPanel - 1) / Self.largestPanel
        // Threads have equal shares of an even number of panels.
        let even = min(blocks, (count + 1) / 2 * 2)
        return (0..<even).map { (blocks * $0 / even * step)..<min(width, blocks * ($0 + 1) / even * step) }
    }

    private func multiply(_ panel: Range<Int>, into y: UnsafeMutablePointer<Float>, adds: Bool) {
        guard let layout = ProductLayout.shared(.bfloat16, outputs: panel.count, inputs: depth) else {
            preconditionFailure("oneDNN has no bf16 product [\(panel.count), \(depth)]")
        }
        unsafe WorkMemory.withBytes(layout.byteCount) { packed in
            unsafe pack(panel, layout, into: packed)
            for part in rows.parts {
                let count = NarrowRows.productRows(part)
                let product = layout.product(rows: count)
                unsafe WorkMemory.withBytes(count * panel.count * MemoryLayout<Float>.stride) { result in
                    unsafe WorkMemory.withBytes(product.scratchByteCount) { scratch in
                        unsafe product.run(
                            rows.row(part.lowerBound),
                            packed: packed,
                            into: result,
                            scratch: scratch
                        )
                    }
                    unsafe place(
                        result.assumingMemoryBound(to: Float.self),
                        rows: part,
                        panel,
                        into: y,
                        adds: adds
                    )
                }
            }
        }
    }

    private func place(
        _ result: UnsafePointer<Float>,
        rows: Range<Int>,
        _ panel: Range<Int>,
        into y: UnsafeMutablePointer<Float>,
        adds: Bool
    ) {
        let target = unsafe y + rows.lowerBound * width + panel.lowerBound
        if adds {
            unsafe Elementwise.add(
                result,
                stride: panel.count,
                to: target,
                stride: width,
                rows: rows.count,
                width: panel.count
            )
        } else {
            for row in 0..<rows.count {
                unsafe (target + row * width).update(from: result + row * panel.count, count: panel.count)
            }
        }
    }

    /// Brings the weights of a panel into the library's layout.
    private func pack(_ panel: Range<Int>, _ layout: ProductLayout, into packed: UnsafeMutableRawPointer) {
        if let words = layout.wordCount {
            let columns = unsafe packed.assumingMemoryBound(to: UInt32.self)
            if isTransposed {
                unsafe zipWords(panel, words, into: columns)
            } else {
                unsafe packWords(panel, words, into: columns)
            }
            return
        }
        unsafe WorkMemory.withBytes(panel.count * depth * 2) { raw in
            let codes = unsafe raw.assumingMemoryBound(to: UInt16.self)
            let (lines, columns) =
                isTransposed ? (0..<weight.rowCount, panel) : (panel, 0..<weight.columnCount)
            for first in stride(from: lines.lowerBound, to: lines.upperBound, by: Self.rowsAtATime) {
                unsafe weight.bfloat16(
                    rows: first..<min(first + Self.rowsAtATime, lines.upperBound),
                    columns: columns,
                    into: codes + (first - lines.lowerBound) * columns.count
                )
            }
            if isTransposed {
                unsafe layout.packTransposed(raw, into: packed)
            } else {
                unsafe layout.pack(raw, into: packed)
            }
        }
    }

    /// Brings rows of the weight into a layout of words while they are in the core's cache; the library's own way takes
    /// several times as long.
    private func packWords(_ panel: Range<Int>, _ words: Int, into columns: UnsafeMutablePointer<UInt32>) {
        let abreast = ProductLayout.wordsAbreast
        unsafe WorkMemory.withBytes(Self.rowsAtATime * depth * 2) { raw in
            let codes = unsafe raw.assumingMemoryBound(to: UInt16.self)
            for first in stride(
                from: 0,
                to: (panel.count + abreast - 1) / abreast * abreast,
                by: Self.rowsAtATime
            ) {
                let rows = min(first, panel.count)..<min(first + Self.rowsAtATime, panel.count)
                unsafe weight.bfloat16(
                    rows: (panel.lowerBound + rows.lowerBound)..<(panel.lowerBound + rows.upperBound),
                    columns: 0..<depth,
                    into: codes
                )
                unsafe ck_pack_words(
                    InstructionLevel.best.rawValue,
                    raw,
                    depth * 2,
                    rows.count,
                    columns + first / abreast * words * abreast + first % abreast,
                    abreast,
                    words
                )
            }
        }
    }

    /// Brings columns of the weight into a layout of words: a word is one column of two neighbouring rows.
    private func zipWords(_ panel: Range<Int>, _ words: Int, into columns: UnsafeMutablePointer<UInt32>) {
        let (abreast, width) = (ProductLayout.wordsAbreast, panel.count)
        unsafe WorkMemory.withBytes(Self.rowsAtATime * width * 2) { raw in
            let codes = unsafe raw.assumingMemoryBound(to: UInt16.self)
            for first in stride(from: 0, to: 2 * words, by: Self.rowsAtATime) {
                let lines = min(first, depth)..<min(first + Self.rowsAtATime, depth)
                unsafe weight.bfloat16(rows: lines, columns: panel, into: codes)
                unsafe (codes + lines.count * width)
                    .update(repeating: 0, count: (Self.rowsAtATime - lines.count) * width)
                for line in stride(from: 0, to: Self.rowsAtATime, by: 2) {
                    for start in stride(from: 0, to: width, by: abreast) {
                        let count = min(abreast, width - start)
                        let target = unsafe columns + start * words + (first + line) / 2 * abreast
                        unsafe ck_zip_halves(
                            InstructionLevel.best.rawValue,
                            codes + line * width + start,
                            codes + (line + 1) * width + start,
                            target,
                            count
                        )
                        unsafe (target + count).update(repeating: 0, count: abreast - count)
                    }
                }
            }
        }
    }
}
