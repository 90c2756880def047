package import Imaging
package import Shared

/// An image in the form that the vision tower takes.
package struct PreparedImage: Sendable {
    /// The patches.
    package let patches: PatchGrid
    /// Identity of pixels, preprocessing and model: images of equal hash have equal features.
    package let contentHash: ContentHash
    /// Rows of merged cells; each cell becomes one token.
    let cellRows: Int
    /// Columns of merged cells.
    let cellColumns: Int

    /// How many tokens of the prompt the image takes.
    package var tokenCount: Int { cellRows * cellColumns }

    init(patches: PatchGrid, mergeSize: Int, contentHash: ContentHash) {
        self.patches = patches
        self.contentHash = contentHash
        cellRows = patches.gridHeight / mergeSize
        cellColumns = patches.gridWidth / mergeSize
    }
}
