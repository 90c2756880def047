internal import CKernels
internal import COneDNN

extension GEMM {
    /// `input · weightᵀ + bias` in bfloat16 or int8, with float32 rows in and out.
    ///
    /// Rows do not influence each other: all products of the library run on one thread each, over all inputs in one
    /// order, and an activation's scale is its own row's. Panels of outputs are shared out between the compute threads.
    ///
    /// - Parameters:
    ///   - input: `[rows, inputs]`.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    /// - Returns: `[rows, outputs]`; a row of `input` with a NaN or an infinity gives a row of NaN.
    public static func linear(_ input: Tensor, weight: PackedMatrix, bias: Tensor? = nil) -> Tensor {
        let (rows, outputs) = (input.rowCount, weight.rowCount)
        precondition(
            weight.columnCount == input.columnCount && bias.map { $0.count == outputs } ?? true,
            "input \(input.shape) or bias \(bias?.shape ?? []) does not fit [\(outputs), \(weight.columnCount)]"
        )
        guard rows > 0 else { return Tensor(zeros: [0, outputs]) }
        return unsafe NarrowRows.with(input, precision: weight.precision) { x in
            unsafe Tensor([rows, outputs]) { y in
                guard let y = y.baseAddress else { return }
                // Each thread writes its own columns of y and only reads x.
                nonisolated(unsafe) let (rows, first) = unsafe (x, y)
                forEachPanel(weight.panels.count) { index in
                    let panel = weight.panels[index]
                    unsafe weight.withPacked(panel) { packed, scales, sums in
                        let product = unsafe PanelProduct(
                            x: rows,
                            panel: panel,
                            packed: packed,
                            scales: scales,
                            sums: sums
                        )
                        unsafe product.place(
                            into: first + panel.outputs.lowerBound,
                            stride: outputs,
                            bias: bias
                        )
                    }
                }
            }
        }
    }

    private static func forEachPanel(_ count: Int, _ body: @Sendable (Int) -> Void) {
        if threadCount > 1 {
            Parallel.forEach(count, body)
        } else {
            (0..<count).forEach(body)
        }
    }
}

/// Rows of activations in a narrow type, filled up with zero rows to a multiple of ``ProductLayout/rowStep``.
@unsafe private struct NarrowRows {
    let base: UnsafeRawPointer
    let rows: Int
    let columns: Int
    let precision: Precision
    /// Scale and zero of every row; empty in bfloat16.
    let scales: [Float]
    let zeros: [Int32]

    /// The largest code of an activation.
    private static let highestCode: Int32 = od_has_exact_int8() != 0 ? 255 : 127

    private static func filled(_ rows: Int) -> Int {
        (rows + ProductLayout.rowStep - 1) / ProductLayout.rowStep * ProductLayout.rowStep
    }

    /// Rows that are multiplied at a time; all but the last part have ``ProductLayout/largestRowCount``.
    var parts: [Range<Int>] {
        unsafe stride(from: 0, to: rows, by: ProductLayout.largestRowCount).map {
            unsafe $0..<min($0 + ProductLayout.largestRowCount, rows)
        }
    }

    /// The product's rows for one of ``parts``.
    static func productRows(_ part: Range<Int>) -> Int { unsafe filled(part.count) }

    /// Where a row starts.
    func row(_ index: Int) -> UnsafeRawPointer {
        unsafe base + index * columns * (precision == .int8 ? 1 : 2)
    }

    /// Lends rows in the narrow type.
    static func with<Result>(
        _ input: Tensor,
        precision: Precision,
        _ body: (NarrowRows) -> Result
    ) -> Result {
        let (rows, columns) = (input.rowCount, input.columnCount)
        let rowBytes = columns * (precision == .int8 ? 1 : 2)
        var scales = [Float](repeating: 0, count: precision == .int8 ? rows : 0)
        var zeros = [Int32](repeating: 0, count: scales.count)
        let level = InstructionLevel.best.rawValue
        return unsafe WorkMemory.withBytes(filled(rows) * rowBytes) { target in
            unsafe input.withUnsafeBuffer { source in
                unsafe scales.withUnsafeMutableBufferPointer { scales in
                    unsafe zeros.withUnsafeMutableBufferPointer { zeros in
                        guard let source = source.baseAddress else { return }
                        // Each thread writes its own rows.
                        nonisolated(unsafe) let (floats, codes) = unsafe (source, target)
                        nonisolated(unsafe) let (firstScale, firstZero) = (
                            scales.baseAddress, zeros.baseAddress
                        )
                        RowBlocks.forEach(rows, width: columns) { part in
                            let x = unsafe floats + part.lowerBound * columns
                            let out = unsafe codes + part.lowerBound * rowBytes
                            if precision == .int8, let scales = unsafe firstScale,
                                let zeros = unsafe firstZero
                            {
                                unsafe ck_quantize_f32_u8(
                                    level,
                                    x,
                                    out.assumingMemoryBound(to: UInt8.self),
                                    scales + part.lowerBound,
                                    zeros + part.lowerBound,
                                    part.count,
                                    columns,
                                    highestCode
                                )
                            } else {
                                unsafe ck_round_f32_bf16(
                                    level,
                                    x,
                                    out.assumingMemoryBound(to: UInt16.self),
                                    part.count * columns
                                )
                            }
                        }
                    }
                }
            }
            unsafe (target + rows * rowBytes).initializeMemory(
                as: UInt8.self,
                repeating: 0,
                count: (filled(rows) - rows) * rowBytes
            )
            return unsafe body(
                NarrowRows(
                    base: target,
                    rows: rows,
                    columns: columns,
                    precision: precision,
                    scales: scales,
                    zeros: zeros
                )
            )
        }
    }
}

/// All rows times one panel of outputs.
@unsafe private struct PanelProduct {
    let x: NarrowRows
    let panel: PackedMatrix.Panel
    let packed: UnsafeRawPointer
    let scales: [Float]
    let sums: [Int32]

    /// Computes the panel's columns of the result.
    ///
    /// - Parameters:
    ///   - y: The first of them in the first row.
    ///   - stride: Distance of two rows of `y`.
    ///   - bias: Of all outputs.
    func place(into y: UnsafeMutablePointer<Float>, stride: Int, bias: Tensor?) {
        if let bias {
            unsafe bias.withUnsafeBuffer { bias in
                let first = unsafe bias.baseAddress.map { unsafe $0 + panel.outputs.lowerBound }
                unsafe place(into: y, stride: stride, bias: first)
            }
        } else {
            unsafe place(into: y, stride: stride, bias: UnsafePointer<Float>?.none)
        }
    }

    private func place(into y: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>?) {
        let columns = unsafe panel.outputs.count
        let level = InstructionLevel.best.rawValue
        for part in unsafe x.parts {
            let productRows = unsafe NarrowRows.productRows(part)
            let product = unsafe panel.layout.product(rows: productRows)
            unsafe WorkMemory.withBytes(productRows * columns * MemoryLayout<Float>.stride) { result in
                unsafe WorkMemory.withBytes(product.scratchByteCount) { scratch in
                    unsafe product.run(
                        x.row(part.lowerBound),
                        packed: packed,
                        into: result,
                        scratch: scratch
                    )
                }
                let target = unsafe y + part.lowerBound * stride
                if unsafe x.precision == .int8 {
                    unsafe placeScaled(result, of: part, into: target, stride: stride, bias: bias)
                } else {
                    unsafe ck_place_f32(
                        level,
                        result.assumingMemoryBound(to: Float.self),
                        bias,
                        target,
                        stride,
                        part.count,
                        columns
                    )
                }
            }
        }
    }

    /// Brings sums of eight-bit products back to float32.
    private func placeScaled(
        _ result: UnsafeMutableRawPointer,
        of part: Range<Int>,
        into y: UnsafeMutablePointer<Float>,
        stride: Int,
        bias: UnsafePointer<Float>?
    ) {
        unsafe x.scales.withUnsafeBufferPointer { rowScales in
            unsafe x.zeros.withUnsafeBufferPointer { rowZeros in
                unsafe scales.withUnsafeBufferPointer { columnScales in
                    unsafe sums.withUnsafeBufferPointer { columnSums in
                        guard let rowScales = rowScales.baseAddress, let rowZeros = rowZeros.baseAddress
                        else { return }
                        unsafe ck_place_s32(
                            InstructionLevel.best.rawValue,
                            result.assumingMemoryBound(to: Int32.self),
                            rowScales + part.lowerBound,
                            rowZeros + part.lowerBound,
                            columnScales.baseAddress,
                            columnSums.baseAddress,
                            bias,
                            y,
                            stride,
                            part.count,
                            panel.outputs.count
                        )
                    }
                }
            }
        }
    }
}
