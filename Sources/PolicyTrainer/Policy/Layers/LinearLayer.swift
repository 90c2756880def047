internal import Shared

/// One or several linear maps of the same input whose weights lie one below the other: `y = x Wᵀ + b`.
///
/// Maps that read the same tokens (queries, keys, values) are one product; each keeps its own name, under which
/// an adapter or a gradient addresses it.
struct LinearLayer: Sendable {
    /// One of the maps.
    struct Part: Sendable, Equatable {
        /// Module path of the map in the checkpoint, without `.weight`.
        var name: String
        /// Its columns in the layer's output.
        var columns: Range<Int>
    }

    /// `[outputs, inputs]`.
    var weight: BaseWeight
    /// `[outputs]`; nil when the maps have none.
    var bias: Tensor?
    /// The maps, in the order of their columns.
    let parts: [Part]

    /// Length of an input row.
    var inputs: Int { weight.inputs }
    /// Length of an output row.
    var outputs: Int { weight.outputs }

    /// Applies the maps and, where the adapter has a pair for one, its low-rank term.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`.
    ///   - adapter: Low-rank pairs by module path; nil for the base model.
    ///   - tape: Where to record.
    /// - Returns: `[rows, outputs]`.
    func callAsFunction(_ x: Variable, adapter: LoRAAdapter?, tape: Tape?) -> Variable {
        precondition(
            x.value.columnCount == inputs,
            "input \(x.value.shape) does not fit a weight [\(outputs), \(inputs)]"
        )
        let lowRank = adapter.flatMap { LowRankTerm(layer: self, adapter: $0) }
        var (output, hidden) = (product(x.value), Tensor?.none)
        if let lowRank {
            hidden = lowRank.add(to: &output, input: x.value)
        }
        guard let tape, x.id != nil || lowRank != nil || tape.trainsBase else { return Variable(output) }
        let result = tape.variable(output)
        let trainsBase = tape.trainsBase
        let (inputID, shape, resultID) = (x.id, x.value.shape, result.id)
        let input = lowRank != nil || trainsBase ? x.value : nil
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            unsafe table.accumulate(inputID, shape: shape) { dx, adds in
                unsafe addInputGradient(gradient, into: dx, adds: adds)
            }
            if let lowRank, let input, let hidden {
                lowRank.backward(gradient, input: input, hidden: hidden, inputID: inputID, table: &table)
            }
            if trainsBase, let input {
                addWeightGradients(gradient, input: input, to: &table.parameters)
            }
        }
        return result
    }

    /// `x Wᵀ + b`.
    private func product(_ x: Tensor) -> Tensor {
        let rows = x.rowCount
        return unsafe x.withUnsafeBuffer { x in
            unsafe Tensor([rows, outputs]) { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return }
                unsafe bias?.withUnsafeBuffer { bias in
                    guard let bias = bias.baseAddress else { return }
                    unsafe Elementwise.fill(y, stride: outputs, rows: rows, width: outputs, with: bias)
                }
                unsafe weight.multiply(x, into: y, rows: rows, adds: bias != nil)
            }
        }
    }

    /// `dx (+)= g W`.
    private func addInputGradient(_ gradient: Tensor, into dx: UnsafeMutablePointer<Float>, adds: Bool) {
        unsafe gradient.withUnsafeBuffer { g in
            guard let g = g.baseAddress else { return }
            unsafe weight.multiplyBack(g, into: dx, rows: gradient.rowCount, adds: adds)
        }
    }

    /// `dW += gᵀ x` and `db += Σ g`, under the name of each map.
    private func addWeightGradients(_ gradient: Tensor, input: Tensor, to parameters: inout Gradients) {
        let rows = gradient.rowCount
        for part in parts {
            let dWeight = unsafe Tensor([part.columns.count, inputs]) { target in
                unsafe gradient.withUnsafeBuffer { g in
                    unsafe input.withUnsafeBuffer { x in
                        guard let g = g.baseAddress, let x = x.baseAddress, let to = target.baseAddress
                        else { return }
                        unsafe GEMM.multiply(
                            g + part.columns.lowerBound,
                            x,
                            into: to,
                            rows: part.columns.count,
                            columns: inputs,
                            depth: rows,
                            transposeLeft: true,
                            leftStride: outputs
                        )
                    }
                }
            }
            parameters.add(dWeight, to: part.name + ".weight")
            guard bias != nil else { continue }
            var dBias = Tensor(zeros: [part.columns.count])
            unsafe dBias.withUnsafeMutableBuffer { target in
                unsafe gradient.withUnsafeBuffer { g in
                    guard let g = g.baseAddress, let to = target.baseAddress else { return }
                    unsafe Elementwise.addSumOfRows(
                        g + part.columns.lowerBound,
                        stride: outputs,
                        rows: rows,
                        width: part.columns.count,
                        to: to
                    )
                }
            }
            parameters.add(dBias, to: part.name + ".bias")
        }
    }

    /// The layer with an adapter's low-rank terms added to its weight, which is float32 then; a layer without such
    /// terms stays as it is.
    func merging(_ adapter: LoRAAdapter) -> LinearLayer {
        guard parts.contains(where: { adapter.pairs[$0.name] != nil }) else { return self }
        var weight = self.weight.tensor
        let (inputs, scale) = (inputs, adapter.configuration.scale)
        for part in parts {
            guard let pair = adapter.pairs[part.name] else { continue }
            unsafe weight.withUnsafeMutableBuffer { target in
                unsafe pair.a.withUnsafeBuffer { a in
                    unsafe pair.b.withUnsafeBuffer { b in
                        guard let a = a.baseAddress, let b = b.baseAddress, let to = target.baseAddress
                        else { return }
                        unsafe GEMM.multiply(
                            b,
                            a,
                            into: to + part.columns.lowerBound * inputs,
                            rows: part.columns.count,
                            columns: inputs,
                            depth: pair.rank,
                            alpha: scale,
                            beta: 1
                        )
                    }
                }
            }
        }
        return LinearLayer(weight: .floats(weight), bias: bias, parts: parts)
    }
}
