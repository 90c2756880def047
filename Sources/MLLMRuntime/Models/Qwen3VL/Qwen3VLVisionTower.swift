import Imaging
import Shared

/// The vision tower of Qwen3-VL: learned positions besides the rotary ones, and features of some inner blocks
/// besides those of the last.
///
/// Source: arXiv:2511.21631; huggingface/transformers 5.23.0, `models/qwen3_vl/modeling_qwen3_vl.py`.
struct Qwen3VLVisionTower: VisionTower {
    let configuration: VisionConfiguration
    let patchEmbedding: LinearLayer
    let positions: Qwen3VLPositions
    let blocks: [VisionBlock]
    let merger: PatchMerger
    /// Blocks whose output is merged into a level of its own, lowest first.
    let deepstackBlocks: [Int]
    /// The merger of each level.
    let deepstackMergers: [PatchMerger]

    func features(
        of grids: [PatchGrid],
        isCancelled: () -> Bool,
        observe: (VisionStep, Tensor) -> Void
    ) throws -> [ImageFeatures] {
        let batch = VisionBatch(grids, mergeSize: configuration.mergeSize)
        observe(.patches, batch.patches)
        let angles = batch.angles(headDimension: configuration.headDimension)
        var x = patchEmbedding(batch.patches)
        observe(.patchEmbedding, x)
        RowArithmetic.accumulate(positions.rows(of: batch), into: &x)
        observe(.positions, x)
        var levels: [[Tensor]] = []
        for (index, block) in blocks.enumerated() {
            if isCancelled() { throw CancellationError() }
            block.apply(to: &x, angles: angles, segments: batch.images, configuration)
            observe(.block(index), x)
            if deepstackBlocks.count > levels.count, deepstackBlocks[levels.count] == index {
                let merged = deepstackMergers[levels.count](x, cellWidth: configuration.cellWidth)
                observe(.deepstack(levels.count), merged)
                levels.append(batch.cut(merged, patchesPerCell: configuration.patchesPerCell))
            }
        }
        let merged = merger(x, cellWidth: configuration.cellWidth)
        observe(.merger, merged)
        return batch.cut(merged, patchesPerCell: configuration.patchesPerCell).enumerated().map {
            image,
            rows in
            ImageFeatures(rows: rows, deepstack: levels.map { $0[image] })
        }
    }
}
