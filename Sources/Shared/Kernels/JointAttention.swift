/// Attention over the tokens of several streams at once, from the raw projections to the merged heads.
///
/// For every sample the tokens of all streams are put one behind the other; queries and keys are RMS-normalised per
/// head with the stream's own weights and turned by the rotary table; values are not normalised. Normalised and
/// turned copies live in scratch memory of one head, so that a backward pass needs only the raw projections. Projections
/// in bfloat16 are attended to with products in bfloat16 where the CPU has them.
///
/// Source: `FluxAttnProcessor` in huggingface/diffusers 0.42.1,
/// `src/diffusers/models/transformers/transformer_flux.py`.
package enum JointAttention {
    /// The projections of one stream of tokens.
    package struct Stream: Sendable {
        /// `[samples · tokens, 3 · heads · width + tail]`: queries, keys, values, and columns that pass by.
        package var projected: ProductRows
        /// Tokens of one sample.
        package var tokens: Int
        /// RMS weight of the queries, `[width]`.
        package var queryNorm: Tensor
        /// RMS weight of the keys, `[width]`.
        package var keyNorm: Tensor
        /// How many of each sample's tokens take part, 1...tokens; all when nil.
        ///
        /// The rest is padding: it neither attends nor is attended to, and gets zeros.
        package var lengths: [Int]?

        /// Wraps the projections of a stream.
        package init(
            projected: ProductRows,
            tokens: Int,
            queryNorm: Tensor,
            keyNorm: Tensor,
            lengths: [Int]? = nil
        ) {
            self.projected = projected
            self.tokens = tokens
            self.queryNorm = queryNorm
            self.keyNorm = keyNorm
            self.lengths = lengths
        }

        /// Tokens of a sample that take part.
        func count(of sample: Int) -> Int { lengths?[sample] ?? tokens }
    }

    /// The sizes that all streams share.
    package struct Layout: Sendable {
        /// How many samples.
        package var samples: Int
        /// Attention heads.
        package var heads: Int
        /// Channels of a head.
        package var width: Int
        /// Added to the mean square of the RMS norm.
        package var epsilon: Float

        /// Collects the sizes.
        package init(samples: Int, heads: Int, width: Int, epsilon: Float) {
            self.samples = samples
            self.heads = heads
            self.width = width
            self.epsilon = epsilon
        }

        /// Channels of all heads.
        var merged: Int { heads * width }
        var rowStride: Int { TokenAttention.rowStride(width: width) }
    }

    /// What a forward pass gives.
    package struct Result: Sendable {
        /// For each stream `[samples · tokens, heads · width + tail]`: merged heads, then the activated tail.
        package var outputs: [Tensor]
        /// `[samples · heads, tokens of all streams]`, for the backward pass.
        package var logSums: Tensor

        /// Puts both together.
        package init(outputs: [Tensor], logSums: Tensor) {
            self.outputs = outputs
            self.logSums = logSums
        }
    }

    /// What a backward pass gives.
    package struct Derivatives: Sendable {
        /// For each stream a tensor of the shape of its `projected`.
        package var projected: [Tensor]
        /// For each stream and each of its samples and heads the shares of the derivatives by the weights of queries and
        /// keys, `[streams, samples · heads, 2, width]`.
        var norms: Tensor
        let layout: Layout

        /// The derivatives by a stream's weights, both `[width]`.
        package func norms(of stream: Int) -> (query: Tensor, key: Tensor) {
            let units = layout.samples * layout.heads
            let sums = [0, 1].map { part in
                var sum = Tensor(zeros: [layout.width])
                unsafe sum.withUnsafeMutableBuffer { sum in
                    unsafe norms.withUnsafeBuffer { shares in
                        guard let sum = sum.baseAddress, let shares = shares.baseAddress else { return }
                        unsafe Elementwise.addSumOfRows(
                            shares + (stream * units * 2 + part) * layout.width,
                            stride: 2 * layout.width,
                            rows: units,
                            width: layout.width,
                            to: sum
                        )
                    }
                }
                return sum
            }
            return (sums[0], sums[1])
        }
    }

    /// Attends, and applies `tail` to the columns behind the values.
    ///
    /// - Parameters:
    ///   - streams: Streams in the order of their tokens.
    ///   - rotary: `[tokens of all streams, width / 2]`.
    ///   - layout: Sizes.
    ///   - tail: Function of the columns that pass by.
    /// - Returns: The outputs, and what a backward pass needs.
    package static func forward(
        _ streams: [Stream],
        rotary: RotaryTable,
        layout: Layout,
        tail: ActivationKind
    ) -> Result {
        let tokens = check(streams, rotary, layout)
        let units = layout.samples * layout.heads
        let precision = precision(of: streams)
        var outputs: [Tensor] = []
        let logSums = unsafe Tensor([units, tokens]) { logSums in
            guard let logSums = logSums.baseAddress else { return }
            nonisolated(unsafe) let sums = unsafe logSums
            let shapes = streams.map {
                [layout.samples * $0.tokens, $0.projected.columnCount - 2 * layout.merged]
            }
            outputs = unsafe makeTensors(shapes) { targets in
                unsafe clearPadding(streams, layout, rowLengths: shapes.map { $0[1] }, of: targets)
                nonisolated(unsafe) let targets = unsafe targets
                RowBlocks.forEach(units, width: tokens * tokens) { range in
                    unsafe withScratch(arrays: 5, tokens: tokens, layout: layout, precision: precision) {
                        arrays,
                        scratch in
                        let (q, k, v, o) = unsafe (arrays[0], arrays[1], arrays[2], arrays[3])
                        for unit in range {
                            let attending = attendingTokens(streams, layout, unit)
                            unsafe gather(streams, rotary, layout, unit, q, k, v, raw: arrays[4])
                            unsafe TokenAttention.forward(
                                q,
                                k,
                                v,
                                into: o,
                                logSums: sums + unit * tokens,
                                queries: attending,
                                keys: attending,
                                width: layout.width,
                                precision: precision,
                                scratch: scratch
                            )
                            forEachRow(streams, layout, unit) { stream, row, token, width in
                                unsafe (targets[stream] + row * (width - 2 * layout.merged) + unit
                                    % layout.heads
                                    * layout.width)
                                    .update(from: o + token * layout.rowStride, count: layout.width)
                            }
                        }
                    }
                }
                for (index, stream) in streams.enumerated() {
                    unsafe activateTail(stream, layout, tail, into: targets[index])
                }
            }
        }
        return Result(outputs: outputs, logSums: logSums)
    }

    /// The merged heads of an output without its tail, which is what a backward pass needs of it.
    ///
    /// - Parameters:
    ///   - output: One of a result's outputs.
    ///   - rows: How many of its first rows.
    ///   - layout: That of the forward pass.
    ///   - precision: How to keep them: that of the projections.
    /// - Returns: `[rows, heads · width]`; shares memory where that is all of a float32 output.
    package static func heads(
        of output: Tensor,
        rows: Int,
        layout: Layout,
        precision: Precision
    ) -> ProductRows {
        let width = output.columnCount
        if precision == .float32, rows == output.rowCount, width == layout.merged {
            return ProductRows(output, for: .float32)
        }
        return unsafe output.withUnsafeBuffer { source in
            unsafe ProductRows(rowCount: rows, columnCount: layout.merged, for: precision) { place in
                guard let source = source.baseAddress else { return }
                nonisolated(unsafe) let from = unsafe source
                RowBlocks.forEach(rows, width: layout.merged) { range in
                    for row in range {
                        unsafe place(from + row * width, row..<(row + 1), 0..<layout.merged)
                    }
                }
            }
        }
    }

    /// The derivatives by the projections of every stream.
    ///
    /// - Parameters:
    ///   - gradients: Derivative by each output, in the shapes of the outputs.
    ///   - streams: Input of the forward pass.
    ///   - heads: The outputs' ``heads(of:rows:layout:precision:)``.
    ///   - logSums: Those of the forward pass.
    ///   - rotary: That of the forward pass.
    ///   - layout: Sizes.
    ///   - tail: That of the forward pass.
    /// - Returns: The derivatives by projections and weights.
    package static func backward(
        _ gradients: [Tensor],
        streams: [Stream],
        heads: [ProductRows],
        logSums: Tensor,
        rotary: RotaryTable,
        layout: Layout,
        tail: ActivationKind
    ) -> Derivatives {
        let tokens = check(streams, rotary, layout)
        let precision = precision(of: streams)
        precondition(
            gradients.count == streams.count && heads.count == streams.count
                && zip(gradients, streams).allSatisfy {
                    $0.columnCount == $1.projected.columnCount - 2 * layout.merged
                },
            "gradients \(gradients.map(\.shape)) do not fit \(streams.count) streams of \(layout)"
        )
        let shapes = streams.map { [$0.projected.rowCount, $0.projected.columnCount] }
        let units = layout.samples * layout.heads
        var tensors = unsafe makeTensors(shapes + [[streams.count, units, 2, layout.width]]) { targets in
            unsafe targets[streams.count].update(
                repeating: 0,
                count: 2 * streams.count * units * layout.width
            )
            unsafe clearPadding(streams, layout, rowLengths: shapes.map { $0[1] }, of: targets)
            nonisolated(unsafe) let targets = unsafe targets
            RowBlocks.forEach(layout.samples * layout.heads, width: tokens * tokens) { range in
                unsafe withScratch(arrays: 9, tokens: tokens, layout: layout, precision: precision) {
                    arrays,
                    scratch in
                    let (q, k, v, o) = unsafe (arrays[0], arrays[1], arrays[2], arrays[3])
                    let (g, dq, dk, dv) = unsafe (arrays[4], arrays[5], arrays[6], arrays[7])
                    for unit in range {
                        let attending = attendingTokens(streams, layout, unit)
                        unsafe gather(streams, rotary, layout, unit, q, k, v, raw: arrays[8])
                        unsafe gatherHeads(heads, streams, layout, unit, into: o, raw: arrays[8])
                        unsafe gatherHeads(
                            gradients.map { ProductRows($0, for: .float32) },
                            streams,
                            layout,
                            unit,
                            into: g,
                            raw: arrays[8]
                        )
                        unsafe logSums.withUnsafeBuffer { sums in
                            guard let sums = sums.baseAddress else { return }
                            unsafe TokenAttention.backward(
                                g,
                                q,
                                k,
                                v,
                                o,
                                logSums: sums + unit * tokens,
                                intoQ: dq,
                                intoK: dk,
                                intoV: dv,
                                queries: attending,
                                keys: attending,
                                width: layout.width,
                                precision: precision,
                                scratch: scratch
                            )
                        }
                        unsafe scatter(
                            streams,
                            rotary,
                            layout,
                            unit,
                            dq,
                            dk,
                            dv,
                            raw: arrays[8],
                            into: targets
                        )
                    }
                }
            }
            for (index, stream) in streams.enumerated() {
                unsafe tailBackward(stream, gradients[index], layout, tail, into: targets[index])
            }
        }
        let norms = tensors.removeLast()
        return Derivatives(projected: tensors, norms: norms, layout: layout)
    }
}
