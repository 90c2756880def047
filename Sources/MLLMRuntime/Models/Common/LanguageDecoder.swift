import Shared

/// A language model: embedded rows to hidden states.
///
/// Source: arXiv:2409.12191, arXiv:2502.13923, arXiv:2511.21631; huggingface/transformers 5.23.0,
/// `models/{qwen2_vl,qwen2_5_vl,qwen3_vl}/modeling_*.py`.
struct LanguageDecoder: Sendable {
    /// One layer: `h += output(attention(norm1(h))); h += mlp(norm2(h))`.
    struct Layer: Sendable {
        let inputNorm: Tensor
        let queries: LinearLayer
        let keys: LinearLayer
        let values: LinearLayer
        /// Norms of one head, `[headDimension]`; nil in families that rotate heads as they are.
        let queryNorm: Tensor?
        let keyNorm: Tensor?
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

    /// Rows of one sequence, and what comes before them.
    struct Branch {
        let rows: Range<Int>
        /// Keys and values of earlier tokens; branches may share them.
        let trunk: TrunkState?

        init(_ rows: Range<Int>, behind trunk: TrunkState? = nil) {
            self.rows = rows
            self.trunk = trunk
        }
    }

    /// Steps whose results tests compare with the reference.
    enum Step: Hashable {
        case layer(Int)
        case finalNorm
    }

    let configuration: DecoderConfiguration
    /// `[vocabularySize, hiddenSize]`.
    let embedding: WeightMatrix
    let layers: [Layer]
    let finalNorm: Tensor
    /// `[vocabularySize, hiddenSize]`; the embedding when tied.
    let head: WeightMatrix

    /// Runs branches, each behind its trunk, as one batch of rows.
    ///
    /// - Parameters:
    ///   - rows: Embedded rows of all branches, one branch after the other, `[rows, hiddenSize]`.
    ///   - positions: Position of every row.
    ///   - deepstack: What images add to their rows after the first layers.
    ///   - branches: The rows of each branch and what comes before them.
    ///   - purpose: What is wanted.
    ///   - isCancelled: Asked before every layer.
    ///   - observe: Sees every layer's rows.
    /// - Returns: Hidden states after the final norm, `[rows or branches, hiddenSize]`, nil for trunks; and
    ///   each branch's keys and values of all layers, none unless for trunks.
    /// - Throws: `CancellationError`.
    func run(
        _ rows: Tensor,
        positions: [RopePosition],
        deepstack: DeepstackRows,
        branches: [Branch],
        purpose: Purpose,
        isCancelled: () -> Bool = { false },
        observe: (Step, Tensor) -> Void = { _, _ in }
    ) throws -> (hidden: Tensor?, trunks: [TrunkState]) {
        var hidden = rows
        let angles = rotaryAngles(positions)
        var trunks = purpose == .trunk ? branches.map { TrunkState(tokenCount: $0.rows.count) } : []
        for (index, layer) in layers.enumerated() {
            if isCancelled() { throw CancellationError() }
            let normed = self.normed(hidden, layer.inputNorm, for: layer.keys)
            let keys = rotated(layer.keys(normed), layer.keyNorm, angles, configuration.keyValueHeadCount)
            let values = layer.values(normed)
            let isLast = index == layers.count - 1
            if purpose == .trunk {
                for (branch, found) in branches.enumerated() {
                    trunks[branch].layers.append(
                        SegmentAttention.Trunk(keys: keys.rows(found.rows), values: values.rows(found.rows))
                    )
                }
                if isLast { break }
            }
            // The last layer needs no more queries than hidden states are wanted.
            let last = isLast && purpose == .lastRows ? branches.map { $0.rows.upperBound - 1 } : nil
            let attended: Tensor
            if let last {
                hidden = hidden.gatheringRows(last)
                attended = attention(
                    layer,
                    self.normed(hidden, layer.inputNorm, for: layer.queries),
                    angles.gatheringRows(last),
                    keys,
                    values,
                    branches.enumerated().map {
                        .init(keyRows: $1.rows, queryRows: $0..<$0 + 1, trunk: $1.trunk?.layers[index])
                    }
                )
            } else {
                attended = attention(
                    layer,
                    normed,
                    angles,
                    keys,
                    values,
                    branches.map {
                        .init(keyRows: $0.rows, queryRows: $0.rows, trunk: $0.trunk?.layers[index])
                    }
                )
            }
            layer.output.accumulate(ProductRows(attended, for: layer.output.precision), into: &hidden)
            layer.mlp.accumulate(
                self.normed(hidden, layer.attentionNorm, for: layer.mlp.entrance),
                into: &hidden
            )
            observe(.layer(index), hidden)
            deepstack.add(level: index, to: &hidden, rows: last)
        }
        if purpose == .trunk {
            return (nil, trunks)
        }
        let normed = RMSNorm.apply(hidden, weight: finalNorm, epsilon: configuration.normEpsilon)
        observe(.finalNorm, normed)
        return (normed, [])
    }

    /// The norm of some rows as a layer takes them.
    private func normed(_ rows: Tensor, _ weight: Tensor, for layer: LinearLayer) -> ProductRows {
        RMSNorm.productRows(rows, weight: weight, epsilon: configuration.normEpsilon, for: layer.precision)
    }

    private func attention(
        _ layer: Layer,
        _ normed: ProductRows,
        _ angles: RotaryAngles,
        _ keys: Tensor,
        _ values: Tensor,
        _ branches: [SegmentAttention.Branch]
    ) -> Tensor {
        SegmentAttention.causal(
            queries: rotated(layer.queries(normed), layer.queryNorm, angles, configuration.headCount),
            keys: keys,
            values: values,
            branches: branches,
            headCount: configuration.headCount,
            keyValueHeadCount: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension,
            precision: layer.output.precision
        )
    }

    /// Heads after their norm, if they have one, and their rotation.
    private func rotated(
        _ heads: Tensor,
        _ norm: Tensor?,
        _ angles: RotaryAngles,
        _ headCount: Int
    ) -> Tensor {
        var heads = heads
        let dimension = configuration.headDimension
        if let norm {
            let shape = heads.shape
            let single = heads.reshaped([shape[0] * headCount, dimension])
            heads = RMSNorm.apply(single, weight: norm, epsilon: configuration.normEpsilon).reshaped(shape)
        }
        angles.rotate(&heads, headCount: headCount, headDimension: dimension)
        return heads
    }

    private func rotaryAngles(_ positions: [RopePosition]) -> RotaryAngles {
        let frequencies = RotaryAngles.frequencies(
            theta: configuration.ropeTheta,
            dimension: configuration.headDimension
        )
        let axes = frequencies.indices.map(configuration.axis)
        return RotaryAngles(rows: positions.count, frequencies: frequencies) { index, frequency in
            positions[index].along(axes[frequency])
        }
    }
}
