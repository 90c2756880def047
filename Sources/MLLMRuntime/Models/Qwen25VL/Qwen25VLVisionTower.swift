internal import Imaging
internal import Shared

/// The vision tower of Qwen2.5-VL: patches to image tokens.
///
/// Source: arXiv:2502.13923, section 2.1.1; huggingface/transformers 5.23.0,
/// `models/qwen2_5_vl/modeling_qwen2_5_vl.py`.
struct Qwen25VLVisionTower: Sendable {
    /// One block: `x += attention(norm1(x)); x += mlp(norm2(x))`.
    struct Block: Sendable {
        let firstNorm: Tensor
        /// `[3 · hiddenSize, hiddenSize]`: queries, keys, values.
        let queriesKeysValues: LinearLayer
        let projection: LinearLayer
        let secondNorm: Tensor
        let mlp: GatedMLP
    }

    /// Steps whose results tests compare with the reference.
    enum Step: Hashable {
        case patches
        case patchEmbedding
        case block(Int)
        case merger
    }

    let configuration: Qwen25VLConfiguration.Vision
    let patchEmbedding: LinearLayer
    let blocks: [Block]
    let mergerNorm: Tensor
    let mergerFirst: LinearLayer
    let mergerSecond: LinearLayer

    /// The features of some images, computed together; an image's features do not depend on the others.
    ///
    /// - Parameters:
    ///   - grids: Patches of each image.
    ///   - isCancelled: Asked before every block.
    ///   - observe: Sees every step's rows; blocks and patch embedding are in window order.
    /// - Returns: `[tokens, outputSize]` for each image, tokens in raster order of merged cells.
    /// - Throws: `CancellationError`.
    func features(
        of grids: [PatchGrid],
        isCancelled: () -> Bool = { false },
        observe: (Step, Tensor) -> Void = { _, _ in }
    ) throws -> [Tensor] {
        let merge = configuration.mergeSize
        let perCell = merge * merge
        let windows = Qwen25VLWindows(
            grids: grids.map { ($0.gridHeight / merge, $0.gridWidth / merge) },
            windowCells: configuration.windowCells,
            patchesPerCell: perCell
        )
        let patches = Tensor.concatenatingRows(
            grids.map { Tensor($0.values, shape: [$0.patchCount, $0.patchLength]) }
        )
        observe(.patches, patches)
        let order = windows.cells.flatMap { cell in (0..<perCell).map { cell * perCell + $0 } }
        let angles = rotaryAngles(of: grids).gatheringRows(order)
        let embedded = patchEmbedding(patches)
        observe(.patchEmbedding, embedded)
        var x = embedded.gatheringRows(order)
        for (index, block) in blocks.enumerated() {
            if isCancelled() { throw CancellationError() }
            let isFull = configuration.fullAttentionBlocks.contains(index)
            apply(block, to: &x, angles: angles, segments: isFull ? windows.images : windows.windows)
            observe(.block(index), x)
        }
        let normed = RMSNorm.apply(x, weight: mergerNorm, epsilon: configuration.normEpsilon)
        let cells = normed.reshaped([windows.cells.count, perCell * configuration.hiddenSize])
        let merged = mergerSecond(Activation.apply(.gelu, mergerFirst(cells))).gatheringRows(
            windows.placeOfCell
        )
        observe(.merger, merged)
        return windows.images.map { merged.rows($0.lowerBound / perCell..<$0.upperBound / perCell) }
    }

    private func apply(_ block: Block, to x: inout Tensor, angles: RotaryAngles, segments: [Range<Int>]) {
        let (heads, dimension) = (configuration.headCount, configuration.headDimension)
        let normed = RMSNorm.apply(x, weight: block.firstNorm, epsilon: configuration.normEpsilon)
        // [patches, 3 · hiddenSize]; queries and keys are rotated alike, so their heads count as one row of
        // heads.
        var qkv = block.queriesKeysValues(normed)
        angles.rotate(&qkv, headCount: 2 * heads, headDimension: dimension)
        let attended = SegmentAttention.full(
            queries: HeadColumns(qkv),
            keys: HeadColumns(qkv, firstColumn: configuration.hiddenSize),
            values: HeadColumns(qkv, firstColumn: 2 * configuration.hiddenSize),
            segments: segments,
            headCount: heads,
            headDimension: dimension
        )
        RowArithmetic.accumulate(block.projection(attended), into: &x)
        let second = RMSNorm.apply(x, weight: block.secondNorm, epsilon: configuration.normEpsilon)
        RowArithmetic.accumulate(block.mlp(second), into: &x)
    }

    /// The first half of a head's pairs turns with the patch's row, the second with its column; patches in
    /// the order of ``PatchGrid``.
    private func rotaryAngles(of grids: [PatchGrid]) -> RotaryAngles {
        let half = RotaryAngles.frequencies(theta: 10_000, dimension: configuration.headDimension / 2)
        let merge = configuration.mergeSize
        var places: [(row: Int, column: Int)] = []
        for grid in grids {
            for blockRow in 0..<grid.gridHeight / merge {
                for blockColumn in 0..<grid.gridWidth / merge {
                    for inside in 0..<merge * merge {
                        places.append(
                            (blockRow * merge + inside / merge, blockColumn * merge + inside % merge)
                        )
                    }
                }
            }
        }
        return RotaryAngles(rows: places.count, frequencies: half + half) { row, frequency in
            frequency < half.count ? places[row].row : places[row].column
        }
    }
}
