import Shared

/// The projections of one stream of tokens on their way into ``JointAttention``.
struct AttentionStream {
    private let stream: JointAttention.Stream
    /// The projections' variable.
    private let id: Int?
    /// Names of the weights of queries and keys.
    private let normNames: (query: String, key: String)

    /// Takes a stream's projections.
    ///
    /// - Parameters:
    ///   - projected: `[samples · tokens, 3 · heads · width + tail]`.
    ///   - tokens: Tokens of one sample.
    ///   - queryNorm: RMS weight of the queries.
    ///   - keyNorm: RMS weight of the keys.
    ///   - lengths: Tokens of each sample that take part, see `JointAttention.Stream`; all when nil.
    ///   - precision: Of the attention's products, in which the projections are kept, too.
    init(
        projected: Variable,
        tokens: Int,
        queryNorm: NormWeight,
        keyNorm: NormWeight,
        lengths: [Int]? = nil,
        precision: Precision = .float32
    ) {
        stream = JointAttention.Stream(
            projected: ProductRows(projected.value, for: precision),
            tokens: tokens,
            queryNorm: queryNorm.values,
            keyNorm: keyNorm.values,
            lengths: lengths
        )
        id = projected.id
        normNames = (queryNorm.name, keyNorm.name)
    }

    /// Attention over the tokens of all streams together.
    ///
    /// - Parameters:
    ///   - streams: Streams in the order of their tokens.
    ///   - rotary: Angles of all tokens.
    ///   - layout: Sizes.
    ///   - tail: Function of the columns behind the values.
    ///   - tape: Where to record.
    /// - Returns: For each stream `[samples · tokens, heads · width + tail]`.
    static func attend(
        _ streams: [AttentionStream],
        rotary: RotaryTable,
        layout: JointAttention.Layout,
        tail: ActivationKind,
        tape: Tape?
    ) -> [Variable] {
        let inputs = streams.map(\.stream)
        let result = JointAttention.forward(inputs, rotary: rotary, layout: layout, tail: tail)
        guard let tape, streams.contains(where: { $0.id != nil }) else {
            return result.outputs.map { Variable($0) }
        }
        let outputs = result.outputs.map { tape.variable($0) }
        let (ids, inputIDs) = (outputs.map(\.id), streams.map(\.id))
        var layout = layout
        layout.samples /= tape.runs
        let samples = layout.samples
        let kept = inputs.map { stream in
            var stream = stream
            stream.projected = stream.projected.run(0, of: tape.runs)
            stream.lengths = stream.lengths.map { Array($0.prefix(samples)) }
            return stream
        }
        let heads = zip(result.outputs, inputs).map { output, stream in
            JointAttention.heads(
                of: output,
                rows: output.rowCount / tape.runs,
                layout: layout,
                precision: stream.projected.precision
            )
        }
        let logSums = tape.kept(result.logSums)
        let normNames = tape.trainsBase ? streams.map(\.normNames) : []
        let shapes = result.outputs.map { tape.keptShape($0) }
        tape.record { [layout] table in
            let gradients = ids.map { table.take($0) }
            guard gradients.contains(where: { $0 != nil }) else { return }
            let derivatives = JointAttention.backward(
                zip(gradients, shapes).map { $0 ?? Tensor(zeros: $1) },
                streams: kept,
                heads: heads,
                logSums: logSums,
                rotary: rotary,
                layout: layout,
                tail: tail
            )
            for (id, derivative) in zip(inputIDs, derivatives.projected) {
                table.add(derivative, to: id)
            }
            for (stream, names) in normNames.enumerated() {
                let norms = derivatives.norms(of: stream)
                table.parameters.add(norms.query, to: names.query)
                table.parameters.add(norms.key, to: names.key)
            }
        }
        return outputs
    }
}
