/// The order of cells and the segments of attention inside the vision tower.
///
/// Source: arXiv:2502.13923, section 2.1.1; `get_window_index` in huggingface/transformers 5.23.0,
/// `models/qwen2_5_vl/modeling_qwen2_5_vl.py`.
struct Qwen25VLWindows: Equatable {
    /// Merged cells in window order: windows row by row, cells row by row inside each; images one after the
    /// other.
    let cells: [Int]
    /// Ranges of patches, in window order, that attend to each other in most blocks.
    let windows: [Range<Int>]
    /// Ranges of patches that attend to each other in the full-attention blocks: the images.
    let images: [Range<Int>]

    /// Walks the windows of some images.
    ///
    /// - Parameters:
    ///   - grids: Rows and columns of merged cells of each image.
    ///   - windowCells: Side of a window in cells.
    ///   - patchesPerCell: Patches that become one cell.
    init(grids: [(rows: Int, columns: Int)], windowCells: Int, patchesPerCell: Int) {
        var cells: [Int] = []
        var windows: [Range<Int>] = []
        var images: [Range<Int>] = []
        for grid in grids {
            let first = cells.count
            for top in stride(from: 0, to: grid.rows, by: windowCells) {
                for left in stride(from: 0, to: grid.columns, by: windowCells) {
                    let start = cells.count
                    for row in top..<min(top + windowCells, grid.rows) {
                        for column in left..<min(left + windowCells, grid.columns) {
                            cells.append(first + row * grid.columns + column)
                        }
                    }
                    windows.append(start * patchesPerCell..<cells.count * patchesPerCell)
                }
            }
            images.append(first * patchesPerCell..<cells.count * patchesPerCell)
        }
        self.cells = cells
        self.windows = windows
        self.images = images
    }

    /// For every cell in raster order, its place in window order.
    var placeOfCell: [Int] {
        var places = [Int](repeating: 0, count: cells.count)
        for (place, cell) in cells.enumerated() {
            places[cell] = place
        }
        return places
    }
}
