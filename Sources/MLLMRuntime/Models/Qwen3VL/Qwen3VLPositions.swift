import Shared

/// A square table of learned positions that is stretched over the patches of an image.
///
/// Corners of table and image coincide; a patch between four entries gets their bilinear mix, in float32.
///
/// Source: `get_vision_interpolation_indices_and_weights` with `align_corners` in huggingface/transformers
/// 5.23.0, `vision_utils.py`.
struct Qwen3VLPositions: Sendable {
    /// `[side · side, hiddenSize]`, rows of the square one after the other.
    let table: Tensor
    let side: Int

    /// Two neighbours on one axis of the table.
    private struct Taps {
        let low: Int
        let high: Int
        let lowWeight: Float
        let highWeight: Float

        /// - Parameters:
        ///   - index: Place on the image's axis.
        ///   - count: Length of that axis.
        ///   - side: Length of the table's axis.
        init(_ index: Int, of count: Int, side: Int) {
            let place = Float(index) * Float(side - 1) / Float(max(1, count - 1))
            let floor = place.rounded(.down)
            low = min(Int(floor), side - 1)
            high = min(Int(floor) + 1, side - 1)
            lowWeight = max(0, 1 - abs(place - floor))
            highWeight = max(0, 1 - abs(place - floor - 1))
        }
    }

    /// The four entries around a patch.
    private struct Mix {
        /// First number of each entry.
        let starts: (Int, Int, Int, Int)
        let weights: (Float, Float, Float, Float)

        init(_ row: Taps, _ column: Taps, side: Int, width: Int) {
            starts = (
                (row.low * side + column.low) * width, (row.low * side + column.high) * width,
                (row.high * side + column.low) * width, (row.high * side + column.high) * width
            )
            weights = (
                row.lowWeight * column.lowWeight, row.lowWeight * column.highWeight,
                row.highWeight * column.lowWeight, row.highWeight * column.highWeight
            )
        }
    }

    /// The position of every patch, `[patches, hiddenSize]`.
    func rows(of batch: VisionBatch) -> Tensor {
        let width = table.columnCount
        return unsafe table.withUnsafeBuffer { entries in
            unsafe Tensor([batch.places.count, width]) { target in
                for (image, grid) in zip(batch.images, batch.grids) {
                    let rows = (0..<grid.rows).map { Taps($0, of: grid.rows, side: side) }
                    let columns = (0..<grid.columns).map { Taps($0, of: grid.columns, side: side) }
                    for patch in image {
                        let place = batch.places[patch]
                        let mix = Mix(rows[place.row], columns[place.column], side: side, width: width)
                        for number in 0..<width {
                            unsafe target[patch * width + number] =
                                entries[mix.starts.0 + number] * mix.weights.0
                                + entries[mix.starts.1 + number] * mix.weights.1
                                + entries[mix.starts.2 + number] * mix.weights.2
                                + entries[mix.starts.3 + number] * mix.weights.3
                        }
                    }
                }
            }
        }
    }
}
