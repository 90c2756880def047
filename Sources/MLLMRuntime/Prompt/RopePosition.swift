/// The place of a token that its rotary embedding turns with.
struct RopePosition: Sendable, Equatable {
    let time: Int
    let row: Int
    let column: Int
}

extension Prompt {
    /// The place of every token.
    ///
    /// Text advances all three numbers by one a token. An image stands still in time, its cells count rows
    /// and columns, and text after it goes on from its larger side.
    ///
    /// Source: arXiv:2409.12191, section 2.1 (M-RoPE); `get_rope_index` in huggingface/transformers 5.23.0,
    /// `models/qwen2_5_vl/modeling_qwen2_5_vl.py`.
    var positions: [RopePosition] {
        var positions: [RopePosition] = []
        positions.reserveCapacity(tokens.count)
        var current = 0
        func advance(to end: Int) {
            while positions.count < end {
                positions.append(RopePosition(time: current, row: current, column: current))
                current += 1
            }
        }
        for placed in images {
            advance(to: placed.range.lowerBound)
            for row in 0..<placed.image.cellRows {
                for column in 0..<placed.image.cellColumns {
                    positions.append(
                        RopePosition(time: current, row: current + row, column: current + column)
                    )
                }
            }
            current += max(placed.image.cellRows, placed.image.cellColumns)
        }
        advance(to: tokens.count)
        return positions
    }
}
