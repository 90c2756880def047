import Shared

/// The low-rank terms of one linear layer: `y += s · (x Aᵀ) Bᵀ` on the columns of every map that has a pair.
///
/// All A of the layer form one product; a backward pass needs only the input and `u = x Aᵀ`, never `B A`.
struct LowRankTerm: Sendable {
    private struct Segment: Sendable {
        var part: LinearLayer.Part
        var pair: LoRAPair
        /// Columns of the pair in `u`.
        var columns: Range<Int>
    }

    private let segments: [Segment]
    /// A of all pairs, one below the other, `[ranks, inputs]`.
    private let down: Tensor
    private let scale: Float
    private let outputs: Int

    private var ranks: Int { down.rowCount }

    /// Collects the adapter's pairs for a layer; nil when it has none.
    init?(layer: LinearLayer, adapter: LoRAAdapter) {
        var segments: [Segment] = []
        var ranks = 0
        for part in layer.parts {
            guard let pair = adapter.pairs[part.name] else { continue }
            precondition(
                pair.a.columnCount == layer.inputs && pair.b.rowCount == part.columns.count,
                "pair \(pair.a.shape), \(pair.b.shape) does not fit \(part.name) of [\(layer.outputs), \(layer.inputs)]"
            )
            segments.append(Segment(part: part, pair: pair, columns: ranks..<(ranks + pair.rank)))
            ranks += pair.rank
        }
        guard let first = segments.first else { return nil }
        self.segments = segments
        down = segments.count == 1 ? first.pair.a : Tensor.concatenatingRows(segments.map(\.pair.a))
        scale = adapter.configuration.scale
        outputs = layer.outputs
    }

    /// Adds the terms to one of several equal runs of rows of the layer's output.
    ///
    /// - Parameters:
    ///   - output: `[count · rows, outputs]`.
    ///   - input: `[count · rows, inputs]`.
    ///   - run: Which run.
    ///   - count: How many runs there are.
    /// - Returns: `u` of the run, `[rows, ranks]`.
    func add(to output: inout Tensor, input: Tensor, run: Int, of count: Int) -> Tensor {
        let (rows, inputs) = (input.rowCount / count, input.columnCount)
        let first = run * rows
        let hidden = unsafe input.withUnsafeBuffer { x in
            unsafe down.withUnsafeBuffer { a in
                unsafe Tensor([rows, ranks]) { u in
                    guard let x = x.baseAddress, let a = a.baseAddress, let u = u.baseAddress else { return }
                    unsafe GEMM.multiply(
                        x + first * inputs,
                        a,
                        into: u,
                        rows: rows,
                        columns: ranks,
                        depth: inputs,
                        transposeRight: true
                    )
                }
            }
        }
        unsafe output.withUnsafeMutableBuffer { y in
            unsafe hidden.withUnsafeBuffer { u in
                for segment in segments {
                    unsafe segment.pair.b.withUnsafeBuffer { b in
                        guard let y = y.baseAddress, let u = u.baseAddress, let b = b.baseAddress else {
                            return
                        }
                        unsafe GEMM.multiply(
                            u + segment.columns.lowerBound,
                            b,
                            into: y + first * outputs + segment.part.columns.lowerBound,
                            rows: rows,
                            columns: segment.part.columns.count,
                            depth: segment.pair.rank,
                            transposeRight: true,
                            alpha: scale,
                            beta: 1,
                            leftStride: ranks,
                            resultStride: outputs
                        )
                    }
                }
            }
        }
        return hidden
    }

    /// Adds the derivatives by A, B and, when it is a variable, by the input.
    ///
    /// `dB = s gᵀ u`, `du = s g B`, `dA = duᵀ x`, `dx += du A`, since `y = s B u` with `u = A x`
    /// (Hu et al., arXiv:2106.09685, equation 3).
    ///
    /// - Parameters:
    ///   - gradient: Derivative by the output, `[rows, outputs]`.
    ///   - input: Input of the forward pass.
    ///   - hidden: `u` of the forward pass.
    ///   - inputID: The input's variable.
    ///   - table: Where derivatives gather.
    func backward(
        _ gradient: Tensor,
        input: Tensor,
        hidden: Tensor,
        inputID: Int?,
        table: inout GradientTable
    ) {
        let (rows, inputs) = (input.rowCount, input.columnCount)
        let hiddenGradient = unsafe gradient.withUnsafeBuffer { g in
            unsafe Tensor([rows, ranks]) { du in
                for segment in segments {
                    unsafe segment.pair.b.withUnsafeBuffer { b in
                        guard let g = g.baseAddress, let b = b.baseAddress, let du = du.baseAddress
                        else { return }
                        unsafe GEMM.multiply(
                            g + segment.part.columns.lowerBound,
                            b,
                            into: du + segment.columns.lowerBound,
                            rows: rows,
                            columns: segment.pair.rank,
                            depth: segment.part.columns.count,
                            alpha: scale,
                            leftStride: outputs,
                            resultStride: ranks
                        )
                    }
                }
            }
        }
        unsafe hiddenGradient.withUnsafeBuffer { du in
            unsafe input.withUnsafeBuffer { x in
                guard let du = du.baseAddress, let x = x.baseAddress else { return }
                for segment in segments {
                    let rank = segment.pair.rank
                    let dA = unsafe Tensor([rank, inputs]) { target in
                        guard let to = target.baseAddress else { return }
                        unsafe GEMM.multiply(
                            du + segment.columns.lowerBound,
                            x,
                            into: to,
                            rows: rank,
                            columns: inputs,
                            depth: rows,
                            transposeLeft: true,
                            leftStride: ranks
                        )
                    }
                    table.parameters.add(dA, to: segment.part.name + LoRAAdapter.downSuffix)
                    table.parameters.add(
                        upGradient(segment, gradient, hidden),
                        to: segment.part.name + LoRAAdapter.upSuffix
                    )
                }
            }
            unsafe table.accumulate(inputID, shape: input.shape) { dx, adds in
                unsafe down.withUnsafeBuffer { a in
                    guard let du = du.baseAddress, let a = a.baseAddress else { return }
                    unsafe GEMM.multiply(
                        du,
                        a,
                        into: dx,
                        rows: rows,
                        columns: inputs,
                        depth: ranks,
                        beta: adds ? 1 : 0
                    )
                }
            }
        }
    }

    private func upGradient(_ segment: Segment, _ gradient: Tensor, _ hidden: Tensor) -> Tensor {
        let (count, rank) = (segment.part.columns.count, segment.pair.rank)
        return unsafe Tensor([count, rank]) { target in
            unsafe gradient.withUnsafeBuffer { g in
                unsafe hidden.withUnsafeBuffer { u in
                    guard let g = g.baseAddress, let u = u.baseAddress, let to = target.baseAddress
                    else { return }
                    unsafe GEMM.multiply(
                        g + segment.part.columns.lowerBound,
                        u + segment.columns.lowerBound,
                        into: to,
                        rows: count,
                        columns: rank,
                        depth: gradient.rowCount,
                        transposeLeft: true,
                        alpha: scale,
                        leftStride: outputs,
                        rightStride: ranks
                    )
                }
            }
        }
    }
}
