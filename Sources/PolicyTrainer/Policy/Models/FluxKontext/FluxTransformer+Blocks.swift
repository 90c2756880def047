internal import Shared

/// What all blocks of one forward pass share.
struct FluxContext {
    /// Sizes of the attention.
    let layout: JointAttention.Layout
    /// Tokens of a sample's text.
    let textTokens: Int
    /// Tokens of a sample's target and reference.
    let imageTokens: Int
    /// Angles of text, target and reference tokens, in this order.
    let rotary: RotaryTable
    /// Low-rank terms; nil for the base model.
    let adapter: LoRAAdapter?

    /// Added to the variance of every norm.
    static let epsilon: Float = 1e-6

    /// Columns of an adaptive layer for every sample.
    func modulation(_ layer: LinearLayer, _ activated: Variable, _ tape: Tape?) -> Modulation {
        Modulation(rows: layer(activated, adapter: adapter, tape: tape))
    }
}

/// A block with a stream of text and a stream of image tokens that attend to one another.
struct FluxDoubleBlock: Sendable {
    /// One stream's weights.
    struct Stream: Sendable {
        /// Conditioning to shift, scale, gate of attention, then shift, scale, gate of the feed-forward layer.
        var modulation: LinearLayer
        /// Queries, keys, values.
        var projections: LinearLayer
        /// RMS weight of a query head.
        var queryNorm: Tensor
        /// RMS weight of a key head.
        var keyNorm: Tensor
        /// Merged heads to the stream.
        var merge: LinearLayer
        /// First feed-forward map.
        var expand: LinearLayer
        /// Second feed-forward map.
        var contract: LinearLayer
    }

    /// Weights of the image stream.
    var image: Stream
    /// Weights of the text stream.
    var text: Stream

    /// Applies the block.
    ///
    /// - Parameters:
    ///   - textStream: `[samples · textTokens, width]`.
    ///   - imageStream: `[samples · imageTokens, width]`.
    ///   - activated: SiLU of the conditioning vectors, `[samples, width]`.
    ///   - context: What all blocks share.
    ///   - tape: Where to record.
    /// - Returns: Both streams in the shapes they came in.
    func callAsFunction(
        text textStream: Variable,
        image imageStream: Variable,
        activated: Variable,
        context: FluxContext,
        tape: Tape?
    ) -> (text: Variable, image: Variable) {
        let textModulation = context.modulation(text.modulation, activated, tape)
        let imageModulation = context.modulation(image.modulation, activated, tape)
        let attended = AttentionStream.attend(
            [
                project(text, textStream, textModulation, context.textTokens, context, tape),
                project(image, imageStream, imageModulation, context.imageTokens, context, tape),
            ],
            rotary: context.rotary,
            layout: context.layout,
            tail: .geluTanh,
            tape: tape
        )
        return (
            finish(text, textStream, textModulation, attended[0], context, tape),
            finish(image, imageStream, imageModulation, attended[1], context, tape)
        )
    }

    private func project(
        _ stream: Stream,
        _ x: Variable,
        _ modulation: Modulation,
        _ tokens: Int,
        _ context: FluxContext,
        _ tape: Tape?
    ) -> AttentionStream {
        let normalized = modulation.normalized(
            x,
            shift: 0,
            scale: 1,
            epsilon: FluxContext.epsilon,
            tape: tape
        )
        return AttentionStream(
            projected: stream.projections(normalized, adapter: context.adapter, tape: tape),
            tokens: tokens,
            queryNorm: stream.queryNorm,
            keyNorm: stream.keyNorm
        )
    }

    /// Adds the attention's result and the feed-forward layer's to the stream.
    private func finish(
        _ stream: Stream,
        _ x: Variable,
        _ modulation: Modulation,
        _ attended: Variable,
        _ context: FluxContext,
        _ tape: Tape?
    ) -> Variable {
        let adapter = context.adapter
        let merged = stream.merge(attended, adapter: adapter, tape: tape)
        let middle = modulation.gatedSum(x, gate: 2, merged, tape: tape)
        let normalized = modulation.normalized(
            middle,
            shift: 3,
            scale: 4,
            epsilon: FluxContext.epsilon,
            tape: tape
        )
        let hidden = stream.expand(normalized, adapter: adapter, tape: tape).activated(.geluTanh, tape: tape)
        let change = stream.contract(hidden, adapter: adapter, tape: tape)
        return modulation.gatedSum(middle, gate: 5, change, tape: tape)
    }
}

/// A block with one stream, whose attention and feed-forward layer read the same tokens side by side.
struct FluxSingleBlock: Sendable {
    /// Conditioning to shift, scale, gate.
    var modulation: LinearLayer
    /// Queries, keys, values, and the feed-forward layer's first map.
    var projections: LinearLayer
    /// RMS weight of a query head.
    var queryNorm: Tensor
    /// RMS weight of a key head.
    var keyNorm: Tensor
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
    func callAsFunction(_ x: Variable, activated: Variable, context: FluxContext, tape: Tape?) -> Variable {
        let modulation = context.modulation(modulation, activated, tape)
        let normalized = modulation.normalized(
            x,
            shift: 0,
            scale: 1,
            epsilon: FluxContext.epsilon,
            tape: tape
        )
        let stream = AttentionStream(
            projected: projections(normalized, adapter: context.adapter, tape: tape),
            tokens: context.textTokens + context.imageTokens,
            queryNorm: queryNorm,
            keyNorm: keyNorm
        )
        let sides = AttentionStream.attend(
            [stream],
            rotary: context.rotary,
            layout: context.layout,
            tail: .geluTanh,
            tape: tape
        )
        let change = merge(sides[0], adapter: context.adapter, tape: tape)
        return modulation.gatedSum(x, gate: 2, change, tape: tape)
    }
}
