import Shared

/// A block with a stream of text and a stream of image tokens that attend to one another, as FLUX and Qwen-Image have
/// it.
struct DoubleBlock: Sendable {
    /// One stream's weights.
    struct Stream: Sendable {
        /// Conditioning to shift, scale, gate of attention, then shift, scale, gate of the feed-forward layer.
        var modulation: LinearLayer
        /// Queries, keys, values.
        var projections: LinearLayer
        /// RMS weight of a query head.
        var queryNorm: NormWeight
        /// RMS weight of a key head.
        var keyNorm: NormWeight
        /// Merged heads to the stream.
        var merge: LinearLayer
        /// First feed-forward map.
        var expand: LinearLayer
        /// Second feed-forward map.
        var contract: LinearLayer
    }

    /// Module paths of one stream's maps and norms in a checkpoint.
    struct Names {
        let modulation: String
        let projections: [String]
        let queryNorm: String
        let keyNorm: String
        let merge: String
        let feedForward: String

        /// The names that FLUX and Qwen-Image share.
        ///
        /// - Parameters:
        ///   - attention: Module path of the attention.
        ///   - isText: Whether the stream is that of the text.
        ///   - modulation: Module path of the modulation.
        ///   - feedForward: Module path of the feed-forward layer.
        ///
        /// Source: huggingface/diffusers 0.42.1, `models/transformers/transformer_flux.py` and
        /// `transformer_qwenimage.py`.
        init(attention: String, isText: Bool, modulation: String, feedForward: String) {
            func path(_ name: String) -> String { "\(attention).\(name)" }
            self.modulation = modulation
            projections =
                isText
                ? ["add_q_proj", "add_k_proj", "add_v_proj"].map(path) : ["to_q", "to_k", "to_v"].map(path)
            queryNorm = path(isText ? "norm_added_q" : "norm_q")
            keyNorm = path(isText ? "norm_added_k" : "norm_k")
            merge = path(isText ? "to_add_out" : "to_out.0")
            self.feedForward = feedForward
        }
    }

    /// Weights of the image stream.
    var image: Stream
    /// Weights of the text stream.
    var text: Stream

    /// The linear layers of both streams, image first.
    var linearLayers: [LinearLayer] {
        [image, text].flatMap { [$0.modulation, $0.projections, $0.merge, $0.expand, $0.contract] }
    }

    /// The block with an adapter's low-rank terms added to its weights.
    func merging(_ adapter: LoRAAdapter) -> DoubleBlock {
        func merged(_ stream: Stream) -> Stream {
            Stream(
                modulation: stream.modulation.merging(adapter),
                projections: stream.projections.merging(adapter),
                queryNorm: stream.queryNorm,
                keyNorm: stream.keyNorm,
                merge: stream.merge.merging(adapter),
                expand: stream.expand.merging(adapter),
                contract: stream.contract.merging(adapter)
            )
        }
        return DoubleBlock(image: merged(image), text: merged(text))
    }

    /// Applies the block.
    ///
    /// - Parameters:
    ///   - streams: Text, `[samples · textTokens, width]`, and image, `[samples · imageTokens, width]`.
    ///   - activated: SiLU of the conditioning vectors, `[samples, width]`.
    ///   - context: What all blocks share.
    ///   - tape: Where to record.
    /// - Returns: Both streams in the shapes they came in.
    func callAsFunction(
        _ streams: [Variable],
        activated: Variable,
        context: BlockContext,
        tape: Tape?
    ) -> [Variable] {
        let (textStream, imageStream) = (streams[0], streams[1])
        let textModulation = context.modulation(text.modulation, activated, tape)
        let imageModulation = context.modulation(image.modulation, activated, tape)
        let attended = AttentionStream.attend(
            [
                project(
                    text,
                    textStream,
                    textModulation,
                    context.textTokens,
                    context,
                    tape,
                    context.textLengths
                ),
                project(image, imageStream, imageModulation, context.imageTokens, context, tape),
            ],
            rotary: context.rotary,
            layout: context.layout,
            tail: .geluTanh,
            tape: tape
        )
        let middles = [
            join(text, textStream, textModulation, attended[0], context, tape),
            join(image, imageStream, imageModulation, attended[1], context, tape),
        ]
        return [
            finish(text, middles[0], textModulation, context, tape),
            finish(image, middles[1], imageModulation, context, tape),
        ]
    }

    private func project(
        _ stream: Stream,
        _ x: Variable,
        _ modulation: Modulation,
        _ tokens: Int,
        _ context: BlockContext,
        _ tape: Tape?,
        _ lengths: [Int]? = nil
    ) -> AttentionStream {
        let normalized = modulation.normalized(
            x,
            shift: 0,
            scale: 1,
            epsilon: BlockContext.epsilon,
            tape: tape
        )
        return AttentionStream(
            projected: stream.projections(normalized, adapters: context.adapters, tape: tape),
            tokens: tokens,
            queryNorm: stream.queryNorm,
            keyNorm: stream.keyNorm,
            lengths: lengths,
            precision: stream.projections.precision
        )
    }

    /// Adds the attention's result to the stream.
    private func join(
        _ stream: Stream,
        _ x: Variable,
        _ modulation: Modulation,
        _ attended: Variable,
        _ context: BlockContext,
        _ tape: Tape?
    ) -> Variable {
        let merged = stream.merge(attended, adapters: context.adapters, tape: tape)
        return modulation.gatedSum(x, gate: 2, merged, tape: tape)
    }

    /// Adds the feed-forward layer's result to the stream.
    private func finish(
        _ stream: Stream,
        _ middle: Variable,
        _ modulation: Modulation,
        _ context: BlockContext,
        _ tape: Tape?
    ) -> Variable {
        let normalized = modulation.normalized(
            middle,
            shift: 3,
            scale: 4,
            epsilon: BlockContext.epsilon,
            tape: tape
        )
        var hidden = stream.expand(consume normalized, adapters: context.adapters, tape: tape)
        hidden.activate(.geluTanh, keeping: stream.expand.precision, tape: tape)
        let change = stream.contract(consume hidden, adapters: context.adapters, tape: tape)
        return modulation.gatedSum(middle, gate: 5, change, tape: tape)
    }
}
