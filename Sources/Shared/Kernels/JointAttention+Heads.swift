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
        _ v: UnsafeMutablePointer<Float>
    ) {
        let (sample, head, stride) = (unit / layout.heads, unit % layout.heads, layout.rowStride)
        var (token, position) = (0, 0)
        for stream in streams where stream.tokens > 0 {
            let (count, width) = (stream.count(of: sample), stream.projected.columnCount)
            let range = position..<(position + count)
            unsafe withPointers(stream) { projected, queryNorm, keyNorm in
                let from = unsafe projected + sample * stream.tokens * width + head * layout.width
                unsafe HeadRMSNorm.apply(
                    from,
                    stride: width,
                    weight: queryNorm,
                    into: q + token * stride,
                    stride: stride,
                    rows: count,
                    width: layout.width,
                    epsilon: layout.epsilon
                )
                unsafe HeadRMSNorm.apply(
                    from + layout.merged,
                    stride: width,
                    weight: keyNorm,
                    into: k + token * stride,
                    stride: stride,
                    rows: count,
                    width: layout.width,
                    epsilon: layout.epsilon
                )
                for row in 0..<count {
                    unsafe (v + (token + row) * stride)
                        .update(from: from + 2 * layout.merged + row * width, count: layout.width)
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

    /// The derivatives of one head, turned back and through the norms, into the columns of the projections.
    static func scatter(
        _ streams: [Stream],
        _ rotary: RotaryTable,
        _ layout: Layout,
        _ unit: Int,
        _ dq: UnsafeMutablePointer<Float>,
        _ dk: UnsafeMutablePointer<Float>,
        _ dv: UnsafeMutablePointer<Float>,
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
            unsafe withPointers(stream) { projected, queryNorm, keyNorm in
                let offset = sample * stream.tokens * width + head * layout.width
                let from = unsafe projected + offset
                let to = unsafe targets[index] + offset
                unsafe HeadRMSNorm.backward(
                    from,
                    stride: width,
                    weight: queryNorm,
                    gradient: dq + token * stride,
                    stride: stride,
                    into: to,
                    stride: width,
                    rows: count,
                    width: layout.width,
                    epsilon: layout.epsilon,
                    adds: false
                )
                unsafe HeadRMSNorm.backward(
                    from + layout.merged,
                    stride: width,
                    weight: keyNorm,
                    gradient: dk + token * stride,
                    stride: stride,
                    into: to + layout.merged,
                    stride: width,
                    rows: count,
                    width: layout.width,
                    epsilon: layout.epsilon,
                    adds: false
                )
                for row in 0..<count {
                    unsafe (to + 2 * layout.merged + row * width)
                        .update(from: dv + (token + row) * stride, count: layout.width)
                }
            }
            token += count
            position += stream.tokens
        }
    }

    /// One head's columns of the outputs, or of their derivatives.
    static func gatherHeads(
        _ tensors: [Tensor],
        _ streams: [Stream],
        _ layout: Layout,
        _ unit: Int,
        into o: UnsafeMutablePointer<Float>
    ) {
        let (sample, head, stride) = (unit / layout.heads, unit % layout.heads, layout.rowStride)
        var token = 0
        for (tensor, stream) in zip(tensors, streams) {
            let (count, width) = (stream.count(of: sample), tensor.columnCount)
            unsafe tensor.withUnsafeBuffer { source in
                guard let base = source.baseAddress else { return }
                let from = unsafe base + sample * stream.tokens * width + head * layout.width
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
                "projections \(stream.projected.shape) do not fit \(stream.tokens) tokens of \(layout)"
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

    static func withPointers(
        _ stream: Stream,
        _ body: (
            _ projected: UnsafePointer<Float>, _ queryNorm: UnsafePointer<Float>,
            _ keyNorm: UnsafePointer<Float>
        ) -> Void
    ) {
        unsafe stream.projected.withUnsafeBuffer { projected in
            unsafe stream.queryNorm.withUnsafeBuffer { query in
                unsafe stream.keyNorm.withUnsafeBuffer { key in
                    guard
                        let projected = projected.baseAddress, let query = query.baseAddress,
                        let key = key.baseAddress
                    else { return }
                    unsafe body(projected, query, key)
                }
            }
        }
    }

    /// Lends arrays `[tokens, stride]` of zeros and the scratch of one call of ``TokenAttention``.
    static func withScratch(
        arrays: Int,
        tokens: Int,
        layout: Layout,
        _ body: ([UnsafeMutablePointer<Float>], UnsafeMutablePointer<Float>) -> Void
    ) {
        let length = tokens * layout.rowStride
        _ = unsafe Tensor([arrays * length + TokenAttention.scratchCount(stride: layout.rowStride)]) {
            buffer in
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
