/// Attention over the tokens of several streams at once, from the raw projections to the merged heads.
///
/// For every sample the tokens of all streams are put one behind the other; queries and keys are RMS-normalised per
/// head with the stream's own weights and turned by the rotary table; values are not normalised. Normalised and
/// turned copies live in scratch memory of one head, so that a backward pass needs only the raw projections.
///
/// Source: `FluxAttnProcessor` in huggingface/diffusers, `models/transformers/transformer_flux.py`; policies.md 1.3.
public enum JointAttention {
    /// The projections of one stream of tokens.
    public struct Stream: Sendable {
        /// `[samples · tokens, 3 · heads · width + tail]`: queries, keys, values, and columns that pass by.
        public var projected: Tensor
        /// Tokens of one sample.
        public var tokens: Int
        /// RMS weight of the queries, `[width]`.
        public var queryNorm: Tensor
        /// RMS weight of the keys, `[width]`.
        public var keyNorm: Tensor
        /// How many of each sample's tokens take part, 1...tokens; all when nil.
        ///
        /// The rest is padding: it neither attends nor is attended to, and gets zeros.
        public var lengths: [Int]?

        /// Wraps the projections of a stream.
        public init(
            projected: Tensor,
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
    public struct Layout: Sendable {
        /// How many samples.
        public var samples: Int
        /// Attention heads.
        public var heads: Int
        /// Channels of a head.
        public var width: Int
        /// Added to the mean square of the RMS norm.
        public var epsilon: Float

        /// Collects the sizes.
        public init(samples: Int, heads: Int, width: Int, epsilon: Float) {
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
    public struct Result: Sendable {
        /// For each stream `[samples · tokens, heads · width + tail]`: merged heads, then the activated tail.
        public var outputs: [Tensor]
        /// `[samples · heads, tokens of all streams]`, for the backward pass.
        public var logSums: Tensor

        /// Puts both together.
        public init(outputs: [Tensor], logSums: Tensor) {
            self.outputs = outputs
            self.logSums = logSums
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
    public static func forward(
        _ streams: [Stream],
        rotary: RotaryTable,
        layout: Layout,
        tail: ActivationKind
    ) -> Result {
        let tokens = check(streams, rotary, layout)
        let units = layout.samples * layout.heads
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
                    unsafe withScratch(arrays: 4, tokens: tokens, layout: layout) { arrays, scratch in
                        let (q, k, v, o) = unsafe (arrays[0], arrays[1], arrays[2], arrays[3])
                        for unit in range {
                            let attending = attendingTokens(streams, layout, unit)
                            unsafe gather(streams, rotary, layout, unit, q, k, v)
                            unsafe TokenAttention.forward(
                                q,
                                k,
                                v,
                                into: o,
                                logSums: sums + unit * tokens,
                                queries: attending,
                                keys: attending,
                                width: layout.width,
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

    /// The derivatives by the projections of every stream.
    ///
    /// - Parameters:
    ///   - gradients: Derivative by each output, in the shapes of the outputs.
    ///   - streams: Input of the forward pass.
    ///   - result: What it gave.
    ///   - rotary: That of the forward pass.
    ///   - layout: Sizes.
    ///   - tail: That of the forward pass.
    /// - Returns: For each stream a tensor of the shape of its `projected`.
    public static func backward(
        _ gradients: [Tensor],
        streams: [Stream],
        result: Result,
        rotary: RotaryTable,
        layout: Layout,
        tail: ActivationKind
    ) -> [Tensor] {
        let tokens = check(streams, rotary, layout)
        precondition(
            zip(gradients, result.outputs).allSatisfy { $0.count == $1.count }
                && gradients.count == streams.count,
            "gradients \(gradients.map(\.shape)) do not fit outputs \(result.outputs.map(\.shape))"
        )
        return unsafe makeTensors(streams.map(\.projected.shape)) { targets in
            unsafe clearPadding(
                streams,
                layout,
                rowLengths: streams.map(\.projected.columnCount),
                of: targets
            )
            nonisolated(unsafe) let targets = unsafe targets
            RowBlocks.forEach(layout.samples * layout.heads, width: tokens * tokens) { range in
                unsafe withScratch(arrays: 8, tokens: tokens, layout: layout) { arrays, scratch in
                    let (q, k, v, o) = unsafe (arrays[0], arrays[1], arrays[2], arrays[3])
                    let (g, dq, dk, dv) = unsafe (arrays[4], arrays[5], arrays[6], arrays[7])
                    for unit in range {
                        let attending = attendingTokens(streams, layout, unit)
                        unsafe gather(streams, rotary, layout, unit, q, k, v)
                        unsafe gatherHeads(result.outputs, streams, layout, unit, into: o)
                        unsafe gatherHeads(gradients, streams, layout, unit, into: g)
                        unsafe result.logSums.withUnsafeBuffer { sums in
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
                                scratch: scratch
                            )
                        }
                        unsafe scatter(streams, rotary, layout, unit, dq, dk, dv, into: targets)
                    }
                }
            }
            for (index, stream) in streams.enumerated() {
                unsafe tailBackward(stream, gradients[index], layout, tail, into: targets[index])
            }
        }
    }

    // MARK: The columns that pass by

    private static func activateTail(
        _ stream: Stream,
        _ layout: Layout,
        _ tail: ActivationKind,
        into target: UnsafeMutablePointer<Float>
    ) {
        let (rows, width) = (stream.projected.rowCount, stream.projected.columnCount)
        let (first, extra) = (3 * layout.merged, width - 3 * layout.merged)
        guard extra > 0 else { return }
        unsafe stream.projected.withUnsafeBuffer { source in
            guard let source = source.baseAddress else { return }
            nonisolated(unsafe) let pointers = unsafe (source, target)
            RowBlocks.forEach(rows, width: extra) { range in
                let (from, to) = unsafe pointers
                unsafe Activation.apply(
                    tail,
                    from + range.lowerBound * width + first,
                    stride: width,
                    into: to + range.lowerBound * (layout.merged + extra) + layout.merged,
                    stride: layout.merged + extra,
                    rows: range.count,
                    width: extra
                )
            }
        }
    }

    private static func tailBackward(
        _ stream: Stream,
        _ gradient: Tensor,
        _ layout: Layout,
        _ tail: ActivationKind,
        into target: UnsafeMutablePointer<Float>
    ) {
        let (rows, width) = (stream.projected.rowCount, stream.projected.columnCount)
        let (first, extra) = (3 * layout.merged, width - 3 * layout.merged)
        guard extra > 0 else { return }
        unsafe stream.projected.withUnsafeBuffer { source in
            unsafe gradient.withUnsafeBuffer { slope in
                guard let source = source.baseAddress, let slope = slope.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (source, slope, target)
                RowBlocks.forEach(rows, width: extra) { range in
                    let (from, slope, to) = unsafe pointers
                    unsafe Activation.backward(
                        tail,
                        from + range.lowerBound * width + first,
                        stride: width,
                        gradient: slope + range.lowerBound * (layout.merged + extra) + layout.merged,
                        stride: layout.merged + extra,
                        into: to + range.lowerBound * width + first,
                        stride: width,
                        rows: range.count,
                        width: extra,
                        adds: false
                    )
                }
            }
        }
    }
}
