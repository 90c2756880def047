import CKernels

/// Products in bfloat16 or int8, with float32 results.
///
/// Rows do not influence each other: all products of the library run on one thread each, over all inputs in one order,
/// and an activation's scale is its own row's. Panels of outputs are shared out between the compute threads, and what
/// follows a product is done with a panel's results while they are in the cache. A row of the left side with a NaN or
/// an infinity gives a row of NaN.
extension GEMM {
    /// `input · weightᵀ + bias`.
    ///
    /// - Parameters:
    ///   - input: `[rows, inputs]`.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    /// - Returns: `[rows, outputs]`.
    package static func linear(_ input: Tensor, weight: PackedMatrix, bias: Tensor? = nil) -> Tensor {
        linear(ProductRows(input, for: weight.precision), weight: weight, bias: bias)
    }

    /// `x · weightᵀ + bias`.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`, of the weight's precision.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    /// - Returns: `[rows, outputs]`.
    package static func linear(_ x: ProductRows, weight: PackedMatrix, bias: Tensor? = nil) -> Tensor {
        let outputs = weight.rowCount
        return unsafe Tensor([x.rowCount, outputs]) { y in
            guard let y = y.baseAddress else { return }
            // Each thread writes its own columns.
            nonisolated(unsafe) let first = unsafe y
            forEachPanel(narrow(x, for: weight, bias), weight) { x, panel in
                unsafe PanelProduct.with(x, weight, panel, bias: bias) { product in
                    for part in x.parts {
                        unsafe product.results(part) { results in
                            for row in 0..<part.count {
                                let place = (part.lowerBound + row) * outputs + panel.outputs.lowerBound
                                unsafe (first + place).update(
                                    from: results + row * panel.outputs.count,
                                    count: panel.outputs.count
                                )
                            }
                        }
                    }
                }
            }
        }
    }

    /// `y += x · weightᵀ + bias`, with the bits of the product followed by the addition.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`, of the weight's precision.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    ///   - y: `[rows, outputs]`.
    package static func accumulate(
        _ x: ProductRows,
        weight: PackedMatrix,
        bias: Tensor?,
        into y: inout Tensor
    ) {
        let outputs = weight.rowCount
        precondition(
            y.rowCount == x.rowCount && y.columnCount == outputs,
            "\(x.rowCount) rows of \(outputs) outputs cannot be added to \(y.shape)"
        )
        unsafe y.withUnsafeMutableBuffer { y in
            guard let y = y.baseAddress else { return }
            // Each thread writes its own columns.
            nonisolated(unsafe) let first = unsafe y
            forEachPanel(narrow(x, for: weight, bias), weight) { x, panel in
                unsafe PanelProduct.with(x, weight, panel, bias: bias) { product in
                    for part in x.parts {
                        unsafe product.results(part) { results in
                            for row in 0..<part.count {
                                let place = (part.lowerBound + row) * outputs + panel.outputs.lowerBound
                                unsafe ck_accumulate_f32(
                                    first + place,
                                    results + row * panel.outputs.count,
                                    panel.outputs.count
                                )
                            }
                        }
                    }
                }
            }
        }
    }

    /// `f(x · weightᵀ + bias)`, for the next product.
    ///
    /// - Parameters:
    ///   - kind: The function f.
    ///   - x: `[rows, inputs]`, of the weight's precision.
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    ///   - precision: Of the next product; not int8.
    /// - Returns: `[rows, outputs]`.
    package static func activated(
        _ kind: ActivationKind,
        _ x: ProductRows,
        weight: PackedMatrix,
        bias: Tensor?,
        for precision: Precision
    ) -> ProductRows {
        let x = narrow(x, for: weight, bias)
        return unsafe ProductRows(rowCount: x.rowCount, columnCount: weight.rowCount, for: precision) {
            place in
            forEachPanel(x, weight) { x, panel in
                unsafe PanelProduct.with(x, weight, panel, bias: bias) { product in
                    for part in x.parts {
                        let count = part.count * panel.outputs.count
                        unsafe product.results(part) { results in
                            unsafe WorkMemory.withBytes(count * MemoryLayout<Float>.stride) { raw in
                                let floats = unsafe raw.assumingMemoryBound(to: Float.self)
                                unsafe Activation.apply(
                                    kind,
                                    results,
                                    stride: count,
                                    into: floats,
                                    stride: count,
                                    rows: 1,
                                    width: count
                                )
                                unsafe place(floats, part, panel.outputs)
                            }
                        }
                    }
                }
            }
        }
    }

    /// `silu(x · gateᵀ + gateBias) · (x · upᵀ + upBias)`, for the next product.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`, of the weights' precision.
    ///   - gate: `[outputs, inputs]`.
    ///   - gateBias: `[outputs]`.
    ///   - up: `[outputs, inputs]`.
    ///   - upBias: `[outputs]`.
    ///   - precision: Of the next product; not int8.
    /// - Returns: `[rows, outputs]`.
    package static func gated(
        _ x: ProductRows,
        gate: PackedMatrix,
        gateBias: Tensor?,
        up: PackedMatrix,
        upBias: Tensor?,
        for precision: Precision
    ) -> ProductRows {
        precondition(gate.rowCount == up.rowCount, "\(gate.rowCount) gates for \(up.rowCount) numbers")
        let gateX = narrow(x, for: gate, gateBias)
        let upX = narrow(x, for: up, upBias)
        return unsafe ProductRows(rowCount: x.rowCount, columnCount: gate.rowCount, for: precision) { place in
            // Weights of the same number of outputs have the same panels.
            forEachPanel(gateX, gate) { x, index, panel in
                unsafe PanelProduct.with(x, gate, panel, bias: gateBias) { gateProduct in
                    unsafe PanelProduct.with(upX, up, up.panels[index], bias: upBias) { upProduct in
                        for part in x.parts {
                            let count = part.count * panel.outputs.count
                            unsafe gateProduct.results(part) { gates in
                                unsafe upProduct.results(part) { ups in
                                    unsafe WorkMemory.withBytes(count * MemoryLayout<Float>.stride) { raw in
                                        let floats = unsafe raw.assumingMemoryBound(to: Float.self)
                                        unsafe ck_gated_silu_f32(gates, ups, floats, count)
                                        unsafe place(floats, part, panel.outputs)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func narrow(_ x: ProductRows, for weight: PackedMatrix, _ bias: Tensor?) -> NarrowRows {
        guard case .narrow(let rows) = x.storage, rows.precision == weight.precision,
            rows.columnCount == weight.columnCount, bias.map({ $0.count == weight.rowCount }) ?? true
        else {
            preconditionFailure(
                "\(x.precision.rawValue) rows of \(x.columnCount) numbers or a bias of \(bias?.shape ?? []) do not "
                    + "fit a \(weight.precision.rawValue) weight [\(weight.rowCount), \(weight.columnCount)]"
            )
        }
        return rows
    }

    private static func forEachPanel(
        _ x: NarrowRows,
        _ weight: PackedMatrix,
        _ body: @Sendable (NarrowRows, PackedMatrix.Panel) -> Void
    ) {
        forEachPanel(x, weight) { x, _, panel in body(x, panel) }
    }

    private static func forEachPanel(
        _ x: NarrowRows,
        _ weight: PackedMatrix,
        _ body: @Sendable (NarrowRows, Int, PackedMatrix.Panel) -> Void
    ) {
        if threadCount > 1 {
            Parallel.forEach(weight.panels.count) { body(x, $0, weight.panels[$0]) }
        } else {
            weight.panels.indices.forEach { body(x, $0, weight.panels[$0]) }
        }
    }
}
