internal import Shared

/// The language model of Qwen2.5-VL: embedded rows to hidden states.
///
/// Source: arXiv:2502.13923; huggingface/transformers 5.23.0, `models/qwen2_5_vl/modeling_qwen2_5_vl.py`.
struct Qwen25VLDecoder: Sendable {
    /// One layer: `h += output(attention(norm1(h))); h += mlp(norm2(h))`.
    struct Layer: Sendable {
        let inputNorm: Tensor
        let queries: LinearLayer
        let keys: LinearLayer
        let values: LinearLayer
        let output: LinearLayer
        let attentionNorm: Tensor
        let mlp: GatedMLP
    }

    /// What a run is for; decides what the last layer may leave out.
    enum Purpose {
        /// Hidden states of all rows.
        case allRows
        /// Hidden states of the last row of every branch.
        case lastRows
        /// Keys and values only.
        case trunk
    }

    /// Steps whose results tests compare with the reference.
    enum Step: Hashable {
        case layer(Int)
        case finalNorm
    }

    let configuration: Qwen25VLConfiguration.Text
    /// `[vocabularySize, hiddenSize]`.
    let embedding: Tensor
    let layers: [Layer]
    let finalNorm: Tensor
    /// `[vocabularySize, hiddenSize]`; the embedding when tied.
    let head: Tensor

    /// Runs branches that share a trunk as one batch of rows.
    ///
    /// - Parameters:
    ///   - rows: Embedded rows of all branches, one branch after the other, `[rows, hiddenSize]`.
    ///   - positions: Position of every row.
    ///   - branches: The rows of each branch.
    ///   - trunk: Keys and values of what comes before every branch.
    ///   - purpose: What is wanted.
    ///   - isCancelled: Asked before every layer.
    ///   - observe: Sees every layer's rows.
    /// - Returns: Hidden states after the final norm, `[rows or branches, hiddenSize]`, nil for a trunk; and
    ///   keys and values of all layers, nil unless for a trunk.
    /// - Throws: `CancellationError`.
    func run(
        _ rows: Tensor,
        positions: [RopePosition],
        branches: [Range<Int>],
        trunk: TrunkState?,
        purpose: Purpose,
        isCancelled: () -> Bool = { false },
        observe: (Step, Tensor) -> Void = { _, _ in }
    ) throws -> (hidden: Tensor?, trunk: TrunkState?) {
        var hidden = rows
        let angles = rotaryAngles(positions)
        var state = TrunkState(tokenCount: rows.rowCount)
        for (index, layer) in layers.enumerated() {
            if isCancelled() { throw CancellationError() }
            let normed = RMSNorm.apply(hidden, weight: layer.inputNorm, epsilon: configuration.normEpsilon)
            var keys = layer.keys(normed)
            angles.rotate(
                &keys,
                headCount: configuration.keyValueHeadCount,
                headDimension: configuration.headDimension
            )
            let values = layer.values(normed)
            let isLast = index == layers.count - 1
            if purpose == .trunk {
                state.layers.append(SegmentAttention.Trunk(keys: keys, values: values))
                if isLast { break }
            }
            let attended: Tensor
            if isLast, purpose == .lastRows {
                let last = branches.map { $0.upperBound - 1 }
                hidden = hidden.gatheringRows(last)
                attended = attention(
                    layer,
                    normed.gatheringRows(last),
                    angles.gatheringRows(last),
                    keys,
                    values,
                    branches.enumerated().map { .init(keyRows: $1, queryRows: $0..<$0 + 1) },
                    trunk?.layers[index]
                )
            } else {
                attended = attention(
                    layer,
                    normed,
                    angles,
                    keys,
                    values,
                    branches.map { .init(keyRows: $0, queryRows: $0) },
                    trunk?.layers[index]
                )
            }
            RowArithmetic.accumulate(layer.output(attended), into: &hidden)
            let second = RMSNorm.apply(
                hidden,
                weight: layer.attentionNorm,
                epsilon: configuration.normEpsilon
            )
            RowArithmetic.accumulate(layer.mlp(second), into: &hidden)
            observe(.layer(index), hidden)
        }
        if purpose == .trunk {
            return (nil, state)
        }
        let normed = RMSNorm.apply(hidden, weight: finalNorm, epsilon: configuration.normEpsilon)
        observe(.finalNorm, normed)
        return (normed, nil)
    }

    private func attention(
        _ layer: Layer,
        _ normed: Tensor,
        _ angles: RotaryAngles,
        _ keys: Tensor,
        _ values: Tensor,
        _ branches: [SegmentAttention.Branch],
        _ trunk: SegmentAttention.Trunk?
    ) -> Tensor {
        var queries = layer.queries(normed)
        angles.rotate(
            &queries,
            headCount: configuration.headCount,
            headDimension: configuration.headDimension
        )
        return SegmentAttention.causal(
            queries: queries,
            keys: keys,
            values: values,
            branches: branches,
            trunk: trunk,
            headCount: configuration.headCount,
            keyValueHeadCount: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension
        )
    }

    /// The frequencies are dealt in chunks: the first section turns with time, then row, then column.
    private func rotaryAngles(_ positions: [RopePosition]) -> RotaryAngles {
        let frequencies = RotaryAngles.frequencies(
            theta: configuration.ropeTheta,
            dimension: configuration.headDimension
        )
        let (time, row) = (configuration.ropeSections[0], configuration.ropeSections[1])
        return RotaryAngles(rows: positions.count, frequencies: frequencies) { index, frequency in
            let position = positions[index]
            return frequency < time ? position.time : frequency < time + row ? position.row : position.column
        }
    }
}
