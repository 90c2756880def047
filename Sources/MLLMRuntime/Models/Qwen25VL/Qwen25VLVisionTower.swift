import Imaging
import Shared

/// The vision tower of Qwen2.5-VL: most blocks attend inside windows, some over the whole image.
///
/// Source: arXiv:2502.13923, section 2.1.1; huggingface/transformers 5.23.0,
/// `models/qwen2_5_vl/modeling_qwen2_5_vl.py`.
struct Qwen25VLVisionTower: VisionTower {
    let configuration: VisionConfiguration
    /// Side of a window in merged cells.
    let windowCells: Int
    /// Blocks that attend over the whole image.
    let fullAttentionBlocks: Set<Int>
    let patchEmbedding: LinearLayer
    let blocks: [VisionBlock]
    let merger: PatchMerger

    /// See ``VisionTower``; blocks are observed in window order.
    func features(
        of grids: [PatchGrid],
        isCancelled: () -> Bool,
        observe: (VisionStep, Tensor) -> Void
    ) throws -> [ImageFeatures] {
        let perCell = configuration.patchesPerCell
        let batch = VisionBatch(grids, mergeSize: configuration.mergeSize)
        let windows = Qwen25VLWindows(
            grids: batch.grids.map {
                ($0.rows / configuration.mergeSize, $0.columns / configuration.mergeSize)
            },
            windowCells: windowCells,
            patchesPerCell: perCell
        )
        observe(.patches, batch.patches)
        let order = windows.cells.flatMap { cell in (0..<perCell).map { cell * perCell + $0 } }
        let angles = batch.angles(headDimension: configuration.headDimension).gatheringRows(order)
        let embedded = patchEmbedding(batch.patches)
        observe(.patchEmbedding, embedded)
        var x = embedded.gatheringRows(order)
        for (index, block) in blocks.enumerated() {
            if isCancelled() { throw CancellationError() }
            let isFull = fullAttentionBlocks.contains(index)
            let segments = isFull ? windows.images : windows.windows
            block.apply(to: &x, angles: angles, segments: segments, configuration)
            observe(.block(index), x)
        }
        let merged = merger(x, cellWidth: configuration.cellWidth).gatheringRows(windows.placeOfCell)
        observe(.merger, merged)
        return batch.cut(merged, patchesPerCell: perCell).map { ImageFeatures(rows: $0, deepstack: []) }
    }
}
