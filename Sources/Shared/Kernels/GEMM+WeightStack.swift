internal import CKernels

/// Products with frozen weights in bfloat16, from both sides: what training needs of a layer that stays as it is stored.
///
/// Nothing is kept packed. Each product brings the weight to the product library panel by panel; a panel is some columns of the
/// result, computed by one thread over all of its terms, so that rows do not influence each other's rounding.
extension GEMM {
    /// `x · weightᵀ + bias`.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`; nil for none.
    /// - Returns: `[rows, outputs]`.
    public static func bfloat16(_ x: Tensor, weight: WeightStack, bias: Tensor?) -> Tensor {
        let (rows, outputs) = (x.rowCount, weight.rowCount)
        precondition(
            x.columnCount == weight.columnCount && bias.map { $0.count == outputs } ?? true,
            "input \(x.shape) or bias \(bias?.shape ?? []) does not fit [\(outputs), \(weight.columnCount)]"
        )
        return unsafe Tensor([rows, outputs]) { y in
            guard let y = y.baseAddress else { return }
            unsafe bias?.withUnsafeBuffer { bias in
                guard let bias = bias.baseAddress else { return }
                unsafe Elementwise.fill(y, stride: outputs, rows: rows, width: outputs, with: bias)
            }
            unsafe StackProduct(x, weight, isTransposed: false).run(into: y, adds: bias != nil)
        }
    }

    /// `g · weight`, added to what `dx` holds if asked for.
    ///
    /// - Parameters:
    ///   - g: `[rows, outputs]`.
    ///   - weight: `[outputs, inputs]`.
    ///   - dx: `[rows, inputs]`.
    ///   - adds: Whether to add.
    public static func bfloat16Back(
        _ g: Tensor,
        weight: WeightStack,
        into dx: UnsafeMutablePointer<Float>,
        adds: Bool
    ) {
        precondition(
            g.columnCount == weight.rowCount,
            "gradient \(g.shape) does not fit [\(weight.rowCount), \(weight.columnCount)]"
        )
        unsafe StackProduct(g, weight, isTransposed: true).run(into: dx, adds: adds)
    }
}

/// Rows times a stack or its transposed.
private struct StackProduct {
    /// Columns of the result that one panel has at most: their packed weights stay in the last-level cache.
    private static let largestPanel = 512
    /// Rows of the weight that are rounded at a time.
    private static let rowsAtATime = 16

    private let rows: Tensor
    private let weight: WeightStack
    /// Whether the rows are multiplied by the weight as it lies, not by its transposed.
    private let isTransposed: Bool

    /// Columns of the result.
    private var width: Int { isTransposed ? weight.columnCount : weight.rowCount }
    /// Terms of every sum.
    private var depth: Int { rows.columnCount }

    init(_ rows: Tensor, _ weight: WeightStack, isTransposed: Bool) {
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
        let step = ProductLayout.rowStep
        let filled = (rows.rowCount + step - 1) / step * step
        unsafe WorkMemory.withBytes(filled * depth * 2) { raw in
            let codes = unsafe raw.assumingMemoryBound(to: UInt16.self)
            unsafe round(into: codes, filled: filled)
            let panels = self.panels
            // Each thread writes its own columns and only reads the rows.
            nonisolated(unsafe) let (left, target) = unsafe (codes, y)
            let body = { @Sendable (index: Int) in
                unsafe multiply(left, filled: filled, panel: panels[index], into: target, adds: adds)
            }
            if GEMM.threadCount > 1 {
                Parallel.forEach(panels.count, body)
            } else {
                (0..<panels.count).forEach(body)
            }
        }
        if weight.isStreamed { weight.releasePages() }
    }

    /// The rows in bfloat16, filled up with zeros.
    private func round(into codes: UnsafeMutablePointer<UInt16>, filled: Int) {
        let (count, depth) = (rows.rowCount, depth)
        unsafe rows.withUnsafeBuffer { source in
            guard let source = source.baseAddress else { return }
            // Each thread writes its own rows.
            nonisolated(unsafe) let (from, to) = unsafe (source, codes)
            RowBlocks.forEach(count, width: depth) { part in
                unsafe ck_round_f32_bf16(
                    InstructionLevel.best.rawValue,
                    from + part.lowerBound * depth,
                    to + part.lowerBound * depth,
                    part.count * depth
                )
            }
        }
        unsafe (codes + count * depth).update(repeating: 0, count: (filled - count) * depth)
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

    private func multiply(
        _ codes: UnsafePointer<UInt16>,
        filled: Int,
        panel: Range<Int>,
        into y: UnsafeMutablePointer<Float>,
        adds: Bool
    ) {
        guard let layout = ProductLayout.shared(.bfloat16, outputs: panel.count, inputs: depth) else {
            preconditionFailure("oneDNN has no bf16 product [\(panel.count), \(depth)]")
        }
        unsafe WorkMemory.withBytes(layout.byteCount) { packed in
            unsafe pack(panel, layout, into: packed)
            for first in stride(from: 0, to: rows.rowCount, by: ProductLayout.largestRowCount) {
                let count = min(ProductLayout.largestRowCount, filled - first)
                let product = layout.product(rows: count)
                unsafe WorkMemory.withBytes(count * panel.count * MemoryLayout<Float>.stride) { result in
                    unsafe WorkMemory.withBytes(product.scratchByteCount) { scratch in
                        unsafe product.run(
                            codes + first * depth,
                            packed: packed,
                            into: result,
                            scratch: scratch
                        )
                    }
                    unsafe place(
                        result.assumingMemoryBound(to: Float.self),
                        rows: first..<min(first + count, rows.rowCount),
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
}
