import Imaging
import Shared

/// The vision tower of Qwen2-VL: every patch attends to all patches of its image in every block.
///
/// Source: arXiv:2409.12191, section 2.1; huggingface/transformers 5.23.0,
/// `models/qwen2_vl/modeling_qwen2_vl.py`.
struct Qwen2VLVisionTower: VisionTower {
    let configuration: VisionConfiguration
    let patchEmbedding: LinearLayer
    let blocks: [VisionBlock]
    let merger: PatchMerger

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
        for (index, block) in blocks.enumerated() {
            if isCancelled() { throw CancellationError() }
            block.apply(to: &x, angles: angles, segments: batch.images, configuration)
            observe(.block(index), x)
        }
        let merged = merger(x, cellWidth: configuration.cellWidth)
        observe(.merger, merged)
        return batch.cut(merged, patchesPerCell: configuration.patchesPerCell).map {
            ImageFeatures(rows: $0, deepstack: [])
        }
    }
}
