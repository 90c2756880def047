/// How ``JointAttention`` brings one head at a time into scratch memory and back.
extension JointAttention {
    // MARK: One head in and out of scratch memory

    /// Normalised and turned queries and keys, and values, of one sample and head.
    static func gather(
        _ streams: [Stream],
        _ rotary: RotaryTable,
        _ layout: Layout,
        _ unit: Int,
        _ q: UnsafeMutablePointer<Float>,
        _ k: UnsafeMutablePointer<Float>,
        _ v: UnsafeMutablePointer<Float>,
        raw: UnsafeMutablePointer<Float>
    ) {
        let (sample, stride) = (unit / layout.heads, layout.rowStride)
        var (token, position) = (0, 0)
        for stream in streams where stream.tokens > 0 {
            let count = stream.count(of: sample)
            let range = position..<(position + count)
            unsafe normalize(stream, layout, unit, part: 0, stream.queryNorm, raw, into: q + token * stride)
            unsafe normalize(stream, layout, unit, part: 1, stream.keyNorm, raw, into: k + token * stride)
            unsafe withColumns(stream, layout, unit, part: 2, raw) { from, width in
                for row in 0..<count {
                    unsafe (v + (token + row) * stride).update(from: from + row * width, count: layout.width)
                }
            }
            unsafe PairRotary.turn(
                q + token * stride,
                stride: stride,
                by: rotary,
                tokens: range,
                reversed: false
            )
            unsafe PairRotary.turn(
                k + token * stride,
                stride: stride,
                by: rotary,
                tokens: range,
                reversed: false
            )
            token += count
            position += stream.tokens
        }
    }

    /// Lends one head's columns of a sample's queries (part 0), keys (1) or values (2).
    private static func withColumns(
        _ stream: Stream,
        _ layout: Layout,
        _ unit: Int,
        part: Int,
        _ raw: UnsafeMutablePointer<Float>,
        _ body: (_ from: UnsafePointer<Float>, _ stride: Int) -> Void
    ) {
        let (sample, head) = (unit / layout.heads, unit % layout.heads)
        let (row, column) = (sample * stream.tokens, part * layout.merged + head * layout.width)
        unsafe stream.projected.withFloats(
            rows: row..<(row + stream.count(of: sample)),
            columns: column..<(column + layout.width),
            scratch: raw,
            body
        )
    }

    private static func normalize(
        _ stream: Stream,
        _ layout: Layout,
        _ unit: Int,
        part: Int,
        _ weight: Tensor,
        _ raw: UnsafeMutablePointer<Float>,
        into target: UnsafeMutablePointer<Float>
    ) {
        unsafe withColumns(stream, layout, unit, part: part, raw) { from, width in
            unsafe weight.withUnsafeBuffer { weight in
                guard let weight = weight.baseAddress else { return }
                unsafe HeadRMSNorm.apply(
                    from,
                    stride: width,
                    weight: weight,
                    into: target,
                    stride: layout.rowStride,
                    rows: stream.count(of: unit / layout.heads),
                    width: layout.width,
                    epsilon: layout.epsilon
                )
            }
        }
    }

    /// The derivatives of one head, turned back and through the norms, into the columns of the projections, and those by
    /// the norms' weights into the target behind them.
    static func scatter(
        _ streams: [Stream],
        _ rotary: RotaryTable,
        _ layout: Layout,
        _ unit: Int,
        _ dq: UnsafeMutablePointer<Float>,
        _ dk: UnsafeMutablePointer<Float>,
        _ dv: UnsafeMutablePointer<Float>,
        raw: UnsafeMutablePointer<Float>,
        into targets: [UnsafeMutablePointer<Float>]
    ) {
        let (sample, head, stride) = (unit / layout.heads, unit % layout.heads, layout.rowStride)
        var (token, position) = (0, 0)
        for (index, stream) in streams.enumerated() where stream.tokens > 0 {
            let (count, width) = (stream.count(of: sample), stream.projected.columnCount)
            let range = position..<(position + count)
            unsafe PairRotary.turn(
                dq + token * stride,
                stride: stride,
                by: rotary,
                tokens: range,
                reversed: true
            )
            unsafe PairRotary.turn(
                dk + token * stride,
                stride: stride,
                by: rotary,
                tokens: range,
                reversed: true
            )
            let to = unsafe targets[index] + sample * stream.tokens * width + head * layout.width
            for (part, weight) in [stream.queryNorm, stream.keyNorm].enumerated() {
                let slope = unsafe part == 0 ? dq : dk
                unsafe withColumns(stream, layout, unit, part: part, raw) { from, fromStride in
                    unsafe weight.withUnsafeBuffer { weight in
                        guard let weight = weight.baseAddress else { return }
                        unsafe HeadRMSNorm.backward(
                            from,
                            stride: fromStride,
                            weight: weight,
                            gradient: slope + token * stride,
                            stride: stride,
                            into: to + part * layout.merged,
                            stride: width,
                            rows: count,
                            width: layout.width,
                            epsilon: layout.epsilon,
                            adds: false
                        )
                        let share = (index * layout.samples * layout.heads + unit) * 2 + part
                        unsafe HeadRMSNorm.addWeightGradient(
                            slope + token * stride,
                            stride: stride,
                            x: from,
                            stride: fromStride,
                            to: targets[streams.count] + share * layout.width,
                            rows: count,
                            width: layout.width,
                            epsilon: layout.epsilon
                        )
                    }
                }
            }
            for row in 0..<count {
                unsafe (to + 2 * layout.merged + row * width)
                    .update(from: dv + (token + row) * stride, count: layout.width)
            }
            token += count
            position += stream.tokens
        }
    }

    /// One head's columns of the outputs, or of their derivatives.
    static func gatherHeads(
        _ rows: [ProductRows],
        _ streams: [Stream],
        _ layout: Layout,
        _ unit: Int,
        into o: UnsafeMutablePointer<Float>,
        raw: UnsafeMutablePointer<Float>
    ) {
        let (sample, head, stride) = (unit / layout.heads, unit % layout.heads, layout.rowStride)
        let columns = (head * layout.width)..<((head + 1) * layout.width)
        var token = 0
        for (rows, stream) in zip(rows, streams) {
            let (count, first) = (stream.count(of: sample), sample * stream.tokens)
            unsafe rows.withFloats(rows: first..<(first + count), columns: columns, scratch: raw) {
                from,
                width in
                for row in 0..<count {
                    unsafe (o + (token + row) * stride).update(from: from + row * width, count: layout.width)
                }
            }
            token += count
        }
    }

    static func forEachRow(
        _ streams: [Stream],
        _ layout: Layout,
        _ unit: Int,
        _ body: (_ stream: Int, _ row: Int, _ token: Int, _ width: Int) -> Void
    ) {
        let sample = unit / layout.heads
        var token = 0
        for (index, stream) in streams.enumerated() {
            let count = stream.count(of: sample)
            for row in 0..<count {
                body(index, sample * stream.tokens + row, token + row, stream.projected.columnCount)
            }
            token += count
        }
    }

    /// The precision of the products: that of all projections.
    static func precision(of streams: [Stream]) -> Precision {
        let precision = streams.first?.projected.precision ?? .float32
        precondition(
            precision != .int8 && streams.allSatisfy { $0.projected.precision == precision },
            "projections in \(streams.map(\.projected.precision.rawValue)) do not attend to one another"
        )
        return precision
    }

    /// Tokens that take part in one sample and head.
    static func attendingTokens(_ streams: [Stream], _ layout: Layout, _ unit: Int) -> Int {
        streams.reduce(0) { $0 + $1.count(of: unit / layout.heads) }
    }

    /// Writes zeros where streams have padding.
    ///
    /// - Parameters:
    ///   - streams: The streams.
    ///   - layout: Sizes.
    ///   - rowLengths: Numbers of a target's row.
    ///   - targets: For each stream `[samples · tokens, rowLength]`.
    static func clearPadding(
        _ streams: [Stream],
        _ layout: Layout,
        rowLengths: [Int],
        of targets: [UnsafeMutablePointer<Float>]
    ) {
        for (index, stream) in streams.enumerated() where stream.lengths != nil {
            for sample in 0..<layout.samples {
                let (count, width) = (stream.count(of: sample), rowLengths[index])
                unsafe (targets[index] + (sample * stream.tokens + count) * width)
                    .update(repeating: 0, count: (stream.tokens - count) * width)
            }
        }
    }

    // MARK: Checks and memory

    /// Checks that everything fits; the tokens of one sample in all streams.
    static func check(_ streams: [Stream], _ rotary: RotaryTable, _ layout: Layout) -> Int {
        let tokens = streams.reduce(0) { $0 + $1.tokens }
        for stream in streams {
            precondition(
                stream.projected.rowCount == layout.samples * stream.tokens
                    && stream.projected.columnCount >= 3 * layout.merged
                    && stream.queryNorm.count == layout.width && stream.keyNorm.count == layout.width,
                "projections [\(stream.projected.rowCount), \(stream.projected.columnCount)] do not fit \(stream.tokens) tokens of \(layout)"
            )
            if let lengths = stream.lengths {
                precondition(
                    lengths.count == layout.samples
                        && lengths.allSatisfy { (1...max(1, stream.tokens)).contains($0) },
                    "lengths \(lengths) do not fit \(layout.samples) samples of \(stream.tokens) tokens"
                )
            }
        }
        precondition(
            rotary.tokenCount == tokens && rotary.pairCount * 2 == layout.width && tokens > 0,
            "a rotary table \(rotary.cosine.shape) does not fit \(tokens) tokens of \(layout)"
        )
        return tokens
    }

    /// Lends arrays `[tokens, stride]` of zeros and the scratch of one call of ``TokenAttention``.
    static func withScratch(
        arrays: Int,
        tokens: Int,
        layout: Layout,
        precision: Precision,
        _ body: ([UnsafeMutablePointer<Float>], UnsafeMutablePointer<Float>) -> Void
    ) {
        let length = tokens * layout.rowStride
        let scratch = TokenAttention.scratchCount(
            queries: tokens,
            stride: layout.rowStride,
            precision: precision
        )
        _ = unsafe Tensor([arrays * length + scratch]) { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe base.update(repeating: 0, count: arrays * length)
            unsafe body((0..<arrays).map { unsafe base + $0 * length }, base + arrays * length)
        }
    }

    /// Makes several tensors whose memory `body` fills together.
    static func makeTensors(
        _ shapes: [[Int]],
        _ body: ([UnsafeMutablePointer<Float>]) -> Void
    ) -> [Tensor] {
        var tensors: [Tensor] = []
        func extend(_ pointers: [UnsafeMutablePointer<Float>]) {
            guard unsafe pointers.count < shapes.count else {
                unsafe body(pointers)
                return
            }
            let tensor = unsafe Tensor(shapes[pointers.count]) { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe extend(pointers + [base])
            }
            tensors.insert(tensor, at: 0)
        }
        unsafe extend([])
        return tensors
    }
}
