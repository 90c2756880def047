import Shared

/// One block of a vision tower: `x += attention(norm1(x)); x += mlp(norm2(x))`.
struct VisionBlock: Sendable {
    let firstNorm: RowNorm
    /// `[3 · hiddenSize, hiddenSize]`: queries, keys, values.
    let queriesKeysValues: LinearLayer
    let projection: LinearLayer
    let secondNorm: RowNorm
    let mlp: any FeedForward

    /// Changes the rows of some patches.
    ///
    /// - Parameters:
    ///   - x: `[patches, hiddenSize]`.
    ///   - angles: Rotation of every patch.
    ///   - segments: Ranges of patches that attend to each other; together all.
    ///   - configuration: Sizes of the tower.
    func apply(
        to x: inout Tensor,
        angles: RotaryAngles,
        segments: [Range<Int>],
        _ configuration: VisionConfiguration
    ) {
        let (heads, dimension) = (configuration.headCount, configuration.headDimension)
        let attended = attended(x, angles, segments, heads, dimension)
        projection.accumulate(ProductRows(attended, for: projection.precision), into: &x)
        mlp.accumulate(secondNorm(x, for: mlp.entrance.precision), into: &x)
    }

    private func attended(
        _ x: Tensor,
        _ angles: RotaryAngles,
        _ segments: [Range<Int>],
        _ heads: Int,
        _ dimension: Int
    ) -> Tensor {
        // [patches, 3 · hiddenSize]; queries and keys are rotated alike, so their heads count as one row of
        // heads.
        var qkv = queriesKeysValues(firstNorm(x, for: queriesKeysValues.precision))
        angles.rotate(&qkv, headCount: 2 * heads, headDimension: dimension)
        return SegmentAttention.full(
            queries: HeadColumns(qkv),
            keys: HeadColumns(qkv, firstColumn: heads * dimension),
            values: HeadColumns(qkv, firstColumn: 2 * heads * dimension),
            segments: segments,
            headCount: heads,
            headDimension: dimension,
            precision: projection.precision
        )
    }
}
