import Shared

/// What all blocks of one forward pass share.
struct BlockContext {
    /// Sizes of the attention.
    var layout: JointAttention.Layout
    /// Tokens of a sample's text.
    let textTokens: Int
    /// Tokens of each sample's text that are no padding; nil when all attend.
    var textLengths: [Int]?
    /// Tokens of a sample's target and references.
    let imageTokens: Int
    /// Angles of text, target and reference tokens, in this order.
    let rotary: RotaryTable
    /// Low-rank terms.
    var adapters: BatchAdapters

    /// Added to the variance of every norm.
    static let epsilon: Float = 1e-6

    /// Columns of an adaptive layer for every sample.
    func modulation(_ layer: LinearLayer, _ activated: Variable, _ tape: Tape?) -> Modulation {
        Modulation(rows: layer(activated, adapters: adapters, tape: tape))
    }

    /// The context of what a tape records: all runs of samples, or the first alone when a block is computed again.
    private func matching(_ tape: Tape?) -> BlockContext {
        guard let tape, tape.runs < adapters.runs.count else { return self }
        var context = self
        context.layout.samples /= adapters.runs.count
        context.textLengths = textLengths.map { Array($0.prefix(context.layout.samples)) }
        context.adapters = adapters.first
        return context
    }

    /// Runs blocks one after the other.
    ///
    /// - Parameters:
    ///   - blocks: The blocks.
    ///   - streams: What the first one gets.
    ///   - activated: SiLU of the conditioning vectors, `[samples, width]`.
    ///   - checkpointing: How many blocks are computed again together in the backward pass; 0 keeps all insides.
    ///   - tape: Where to record.
    ///   - observe: Sees the streams behind every block; with checkpointing, behind the last of those together.
    ///   - apply: One block.
    /// - Returns: What the last one gives.
    func run<Block>(
        _ blocks: [Block],
        _ streams: [Variable],
        activated: Variable,
        checkpointing: Int,
        tape: Tape?,
        observe: (_ block: Int, _ streams: [Variable]) -> Void = { _, _ in },
        apply: @escaping (Block, [Variable], _ activated: Variable, BlockContext, Tape?) -> [Variable]
    ) -> [Variable] {
        var streams = streams
        let length = tape == nil ? 1 : max(1, checkpointing)
        for first in stride(from: 0, to: blocks.count, by: length) {
            let part = blocks[first..<min(blocks.count, first + length)]
            func pass(_ inputs: [Variable], _ tape: Tape?) -> [Variable] {
                let context = matching(tape)
                return part.reduce(Array(inputs.dropLast())) {
                    apply($1, $0, inputs[inputs.count - 1], context, tape)
                }
            }
            let inputs = streams + [activated]
            if let tape, checkpointing > 0 {
                streams = tape.checkpoint(inputs, pass)
            } else {
                streams = pass(inputs, tape)
            }
            observe(part.endIndex - 1, streams)
        }
        return streams
    }
}
