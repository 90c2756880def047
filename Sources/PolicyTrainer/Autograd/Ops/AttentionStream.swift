internal import Shared

/// The projections of one stream of tokens on their way into ``JointAttention``.
struct AttentionStream {
    /// `[samples · tokens, 3 · heads · width + tail]`.
    var projected: Variable
    /// Tokens of one sample.
    var tokens: Int
    /// RMS weight of the queries, `[width]`.
    var queryNorm: Tensor
    /// RMS weight of the keys, `[width]`.
    var keyNorm: Tensor
    /// Tokens of each sample that take part, see `JointAttention.Stream`; all when nil.
    var lengths: [Int]?

    private var stream: JointAttention.Stream {
        JointAttention.Stream(
            projected: projected.value,
            tokens: tokens,
            queryNorm: queryNorm,
            keyNorm: keyNorm,
            lengths: lengths
        )
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
        guard let tape, streams.contains(where: { $0.projected.id != nil }) else {
            return result.outputs.map { Variable($0) }
        }
        let outputs = result.outputs.map { tape.variable($0) }
        let (ids, inputIDs) = (outputs.map(\.id), streams.map(\.projected.id))
        var layout = layout
        layout.samples /= tape.runs
        let samples = layout.samples
        let kept = inputs.map { stream in
            var stream = stream
            stream.projected = tape.kept(stream.projected)
            stream.lengths = stream.lengths.map { Array($0.prefix(samples)) }
            return stream
        }
        let keptResult = JointAttention.Result(
            outputs: result.outputs.map { tape.kept($0) },
            logSums: tape.kept(result.logSums)
        )
        tape.record { [layout] table in
            let gradients = ids.map { table.take($0) }
            guard gradients.contains(where: { $0 != nil }) else { return }
            let derivatives = JointAttention.backward(
                zip(gradients, keptResult.outputs).map { $0 ?? Tensor(zeros: $1.shape) },
                streams: kept,
                result: keptResult,
                rotary: rotary,
                layout: layout,
                tail: tail
            )
            for (id, derivative) in zip(inputIDs, derivatives) {
                table.add(derivative, to: id)
            }
        }
        return outputs
    }
}
