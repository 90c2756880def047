/// An image cut into the rows that a vision tower embeds.
///
/// Row order, slow to fast: row of merge blocks, column of merge blocks, row inside the block, column inside
/// the block; so `mergeSize²` rows that follow each other become one token. Column order, slow to fast:
/// channel, time copy, y inside the patch, x inside the patch; all time copies of a still image are the same.
///
/// Source: `patchify` in `transformers/models/qwen2_vl/image_processing_pil_qwen2_vl.py` 5.23.0.
package struct PatchGrid: Sendable, Hashable {
    /// Rows of patches, a multiple of the merge size.
    package let gridHeight: Int
    /// Columns of patches, a multiple of the merge size.
    package let gridWidth: Int
    /// Values of one patch: 3 · time copies · patch size².
    package let patchLength: Int
    /// `[gridHeight · gridWidth, patchLength]`.
    package let values: [Float]

    /// Patches in all.
    package var patchCount: Int {
        gridHeight * gridWidth
    }

    /// Cuts an image up.
    ///
    /// - Parameters:
    ///   - image: Both sides multiples of patch size times merge size.
    ///   - normalization: From samples to floats.
    ///   - patchSize: Side of a patch, in pixels.
    ///   - mergeSize: Side of the block of patches that becomes one token.
    ///   - temporalPatchSize: Time copies of the image.
    package init(
        _ image: PixelImage,
        normalization: PixelNormalization,
        patchSize: Int,
        mergeSize: Int,
        temporalPatchSize: Int
    ) {
        let factor = patchSize * mergeSize
        precondition(
            factor > 0 && temporalPatchSize > 0 && image.width % factor == 0 && image.height % factor == 0,
            "an image of \(image.width)×\(image.height) pixels is no grid of blocks of \(factor)×\(factor)"
        )
        gridHeight = image.height / patchSize
        gridWidth = image.width / patchSize
        patchLength = 3 * temporalPatchSize * patchSize * patchSize
        let (height, width, length) = (gridHeight, gridWidth, patchLength)
        values = unsafe [Float](unsafeUninitializedCapacity: height * width * length) {
            output,
            initializedCount in
            unsafe image.pixels.withUnsafeBufferPointer { pixels in
                unsafe normalization.table.withUnsafeBufferPointer { table in
                    var index = 0
                    for patch in 0..<height * width {
                        let (row, column) = Self.place(of: patch, gridWidth: width, mergeSize: mergeSize)
                        let corner = 3 * (row * patchSize * image.width + column * patchSize)
                        for channel in 0..<3 {
                            for _ in 0..<temporalPatchSize {
                                for y in 0..<patchSize {
                                    var source = corner + 3 * y * image.width + channel
                                    for _ in 0..<patchSize {
                                        unsafe output[index] = table[256 * channel + Int(pixels[source])]
                                        index += 1
                                        source += 3
                                    }
                                }
                            }
                        }
                    }
                }
            }
            initializedCount = height * width * length
        }
    }

    /// Row and column in the grid of the patch at an index in merge-block order.
    static func place(of patch: Int, gridWidth: Int, mergeSize: Int) -> (row: Int, column: Int) {
        let (block, inside) = patch.quotientAndRemainder(dividingBy: mergeSize * mergeSize)
        let (blockRow, blockColumn) = block.quotientAndRemainder(dividingBy: gridWidth / mergeSize)
        return (blockRow * mergeSize + inside / mergeSize, blockColumn * mergeSize + inside % mergeSize)
    }
}
