import CKernels

/// Products of rows with one panel of outputs of a weight.
@unsafe struct PanelProduct {
    let x: NarrowRows
    let panel: PackedMatrix.Panel
    let packed: UnsafeRawPointer
    let scales: [Float]
    let sums: [Int32]
    /// Of all outputs of the weight.
    let bias: Tensor?

    /// Lends the products of all rows with one panel.
    ///
    /// - Parameters:
    ///   - x: The rows.
    ///   - weight: The weight.
    ///   - panel: One of its panels.
    ///   - bias: `[outputs]` of the whole weight.
    ///   - body: Uses the product.
    static func with(
        _ x: NarrowRows,
        _ weight: PackedMatrix,
        _ panel: PackedMatrix.Panel,
        bias: Tensor?,
        _ body: (PanelProduct) -> Void
    ) {
        unsafe weight.withPacked(panel) { packed, scales, sums in
            unsafe body(
                PanelProduct(x: x, panel: panel, packed: packed, scales: scales, sums: sums, bias: bias)
            )
        }
    }

    /// Lends the results of some rows, with the bias added; they are still in the core's cache.
    ///
    /// - Parameters:
    ///   - part: One of the rows' ``NarrowRows/parts``.
    ///   - body: Uses the results `[part.count, panel's outputs]`.
    func results(_ part: Range<Int>, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        let columns = unsafe panel.outputs.count
        let rows = NarrowRows.productRows(part)
        let product = unsafe panel.layout.product(rows: rows)
        unsafe WorkMemory.withBytes(rows * columns * MemoryLayout<Float>.stride) { result in
            unsafe WorkMemory.withBytes(product.scratchByteCount) { scratch in
                unsafe product.run(x.row(part.lowerBound), packed: packed, into: result, scratch: scratch)
            }
            let isInteger = unsafe x.precision == .int8
            if isInteger {
                unsafe WorkMemory.withBytes(part.count * columns * MemoryLayout<Float>.stride) { scaled in
                    let floats = unsafe scaled.assumingMemoryBound(to: Float.self)
                    unsafe scale(result, of: part, into: floats)
                    unsafe addBias(to: floats, rows: part.count)
                    unsafe body(floats)
                }
            } else {
                let floats = unsafe result.assumingMemoryBound(to: Float.self)
                unsafe addBias(to: floats, rows: part.count)
                unsafe body(floats)
            }
        }
    }

    private func addBias(to y: UnsafeMutablePointer<Float>, rows: Int) {
        guard let bias = unsafe bias else { return }
        unsafe bias.withUnsafeBuffer { bias in
            guard let bias = bias.baseAddress else { return }
            unsafe ck_add_bias_f32(y, bias + panel.outputs.lowerBound, rows, panel.outputs.count)
        }
    }

    /// Brings sums of eight-bit products back to float32.
    private func scale(
        _ result: UnsafeMutableRawPointer,
        of part: Range<Int>,
        into y: UnsafeMutablePointer<Float>
    ) {
        unsafe scales.withUnsafeBufferPointer { columnScales in
            unsafe sums.withUnsafeBufferPointer { columnSums in
                guard let rowScales = unsafe x.scales, let rowZeros = unsafe x.zeros else { return }
                unsafe ck_scale_s32(
                    InstructionLevel.best.rawValue,
                    result.assumingMemoryBound(to: Int32.self),
                    rowScales + part.lowerBound,
                    rowZeros + part.lowerBound,
                    columnScales.baseAddress,
                    columnSums.baseAddress,
                    y,
                    part.count,
                    panel.outputs.count
                )
            }
        }
    }
}
