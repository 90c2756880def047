import Imaging
import Shared

/// The patches of some images, one image below the other, and where in its image each lies.
///
/// Patches are in the order of `PatchGrid`: cells row by row, the patches of a cell row by row.
struct VisionBatch {
    /// `[patches, patchLength]`.
    let patches: Tensor
    /// The rows of each image.
    let images: [Range<Int>]
    /// Row and column of every patch in its image.
    let places: [(row: Int, column: Int)]
    /// Rows and columns of patches of each image.
    let grids: [(rows: Int, columns: Int)]

    init(_ grids: [PatchGrid], mergeSize: Int) {
        patches = Tensor.concatenatingRows(
            grids.map { Tensor($0.values, shape: [$0.patchCount, $0.patchLength]) }
        )
        var images: [Range<Int>] = []
        var places: [(row: Int, column: Int)] = []
        for grid in grids {
            let first = places.count
            for blockRow in 0..<grid.gridHeight / mergeSize {
                for blockColumn in 0..<grid.gridWidth / mergeSize {
                    for inside in 0..<mergeSize * mergeSize {
                        places.append(
                            (
                                blockRow * mergeSize + inside / mergeSize,
                                blockColumn * mergeSize + inside % mergeSize
                            )
                        )
                    }
                }
            }
            images.append(first..<places.count)
        }
        self.images = images
        self.places = places
        self.grids = grids.map { ($0.gridHeight, $0.gridWidth) }
    }

    /// The rotation of every patch: the first half of a head's pairs turns with its row, the second with its
    /// column.
    ///
    /// Source: arXiv:2409.12191, section 2.1 (2D-RoPE).
    func angles(headDimension: Int) -> RotaryAngles {
        let half = RotaryAngles.frequencies(theta: 10_000, dimension: headDimension / 2)
        return RotaryAngles(rows: places.count, frequencies: half + half) { row, frequency in
            frequency < half.count ? places[row].row : places[row].column
        }
    }

    /// Cuts rows of cells into the images' own, `[tokens, columns]` each.
    func cut(_ cells: Tensor, patchesPerCell: Int) -> [Tensor] {
        images.map { cells.rows($0.lowerBound / patchesPerCell..<$0.upperBound / patchesPerCell) }
    }
}
