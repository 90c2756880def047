import Shared

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
    /// The precision of the product, in which the layer keeps its input for a backward pass.
    var precision: Precision { weight.precision }

    /// Applies the maps and, where an adapter has a pair for one, its low-rank term.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`; the rows of a run of samples lie together.
    ///   - adapters: Low-rank pairs by module path for each run.
    ///   - tape: Where to record.
    /// - Returns: `[rows, outputs]`; a run has the same bits alone and beside others where products are
    ///   row-independent, see `GEMM`.
    func callAsFunction(_ x: consuming Variable, adapters: BatchAdapters, tape: Tape?) -> Variable {
        precondition(
            x.value.columnCount == inputs,
            "input \(x.value.shape) does not fit a weight [\(outputs), \(inputs)]"
        )
        let lowRank = adapters.runs.map { $0.flatMap { LowRankTerm(layer: self, adapter: $0) } }
        let rows = ProductRows(x.value, for: precision)
        let floats = lowRank.contains { $0 != nil } ? x.value : nil
        let inputID = x.id
        // A float32 input that nobody needs any more is gone while its rounded rows are multiplied.
        _ = consume x
        var output = weight.product(rows, bias: bias, runs: lowRank.count)
        // `u` of the first run, the one that a tape keeps.
        var hidden: Tensor?
        for (run, term) in lowRank.enumerated() {
            guard let term, let floats else { continue }
            let u = term.add(to: &output, input: floats, run: run, of: lowRank.count)
            if run == 0 { hidden = u }
        }
        let trained = lowRank[0]
        guard let tape, inputID != nil || trained != nil || tape.trainsBase else { return Variable(output) }
        precondition(tape.runs == lowRank.count, "a tape of \(tape.runs) runs records \(lowRank.count)")
        let result = tape.variable(output)
        let trainsBase = tape.trainsBase
        let (shape, resultID) = ([rows.rowCount / tape.runs, inputs], result.id)
        let input = trained != nil || trainsBase ? rows.run(0, of: tape.runs) : nil
        let keptHidden = hidden
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            unsafe table.accumulate(inputID, shape: shape) { dx, adds in
                unsafe weight.addInputGradient(gradient, into: dx, adds: adds)
            }
            guard let input = input?.floats() else { return }
            if let trained, let keptHidden {
                trained.backward(
                    gradient,
                    input: input,
                    hidden: keptHidden,
                    inputID: inputID,
                    table: &table
                )
            }
            if trainsBase {
                addWeightGradients(gradient, input: input, to: &table.parameters)
            }
        }
        return result
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
