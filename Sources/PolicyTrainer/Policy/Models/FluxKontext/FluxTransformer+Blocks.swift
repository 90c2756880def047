import Shared

/// A block with one stream, whose attention and feed-forward layer read the same tokens side by side.
struct FluxSingleBlock: Sendable {
    /// Conditioning to shift, scale, gate.
    var modulation: LinearLayer
    /// Queries, keys, values, and the feed-forward layer's first map.
    var projections: LinearLayer
    /// RMS weight of a query head.
    var queryNorm: NormWeight
    /// RMS weight of a key head.
    var keyNorm: NormWeight
    /// Merged heads and activated hidden numbers to the stream.
    var merge: LinearLayer

    /// Applies the block.
    ///
    /// - Parameters:
    ///   - x: `[samples · (textTokens + imageTokens), width]`, text first within a sample.
    ///   - activated: SiLU of the conditioning vectors, `[samples, width]`.
    ///   - context: What all blocks share.
    ///   - tape: Where to record.
    /// - Returns: The stream in the shape it came in.
    func callAsFunction(_ x: Variable, activated: Variable, context: BlockContext, tape: Tape?) -> Variable {
        let modulation = context.modulation(modulation, activated, tape)
        let normalized = modulation.normalized(
            x,
            shift: 0,
            scale: 1,
            epsilon: BlockContext.epsilon,
            tape: tape
        )
        let stream = AttentionStream(
            projected: projections(normalized, adapters: context.adapters, tape: tape),
            tokens: context.textTokens + context.imageTokens,
            queryNorm: queryNorm,
            keyNorm: keyNorm,
            precision: projections.precision
        )
        let sides = AttentionStream.attend(
            [stream],
            rotary: context.rotary,
            layout: context.layout,
            tail: .geluTanh,
            tape: tape
        )
        let change = merge(sides[0], adapters: context.adapters, tape: tape)
        return modulation.gatedSum(x, gate: 2, change, tape: tape)
    }
}
