import Imaging
import Shared
import Testing

@testable import MLLMRuntime

@Suite("Learned positions of Qwen3-VL")
struct Qwen3VLPositionsTests {
    /// A table whose entries are their own numbers, of two columns: row and column.
    private let positions = Qwen3VLPositions(
        table: Tensor((0..<48 * 48).flatMap { [Float($0 / 48), Float($0 % 48)] }, shape: [48 * 48, 2]),
        side: 48
    )

    private func batch(rows: Int, columns: Int) -> VisionBatch {
        let image = PixelImage(
            width: 2 * columns,
            height: 2 * rows,
            pixels: [UInt8](repeating: 0, count: 12 * rows * columns)
        )
        let normalization = PixelNormalization(
            mean: [0, 0, 0],
            standardDeviation: [1, 1, 1],
            rescaleFactor: 1
        )
        let grid = PatchGrid(
            image,
            normalization: normalization,
            patchSize: 2,
            mergeSize: 2,
            temporalPatchSize: 1
        )
        return VisionBatch([grid], mergeSize: 2)
    }

    @Test("an image of the table's size gets the table, in the order of patches")
    func identity() {
        let batch = batch(rows: 48, columns: 48)
        let found = positions.rows(of: batch).values
        #expect(found == batch.places.flatMap { [Float($0.row), Float($0.column)] })
        #expect(batch.places.prefix(6).map(\.row) == [0, 0, 1, 1, 0, 0])
        #expect(batch.places.prefix(6).map(\.column) == [0, 1, 0, 1, 2, 3])
    }

    @Test("two by two patches get the corners")
    func corners() {
        #expect(positions.rows(of: batch(rows: 2, columns: 2)).values == [0, 0, 0, 47, 47, 0, 47, 47])
    }

    @Test("places between entries are mixed, corners coincide", arguments: [(4, 10), (62, 96)])
    func between(rows: Int, columns: Int) {
        let batch = batch(rows: rows, columns: columns)
        let found = positions.rows(of: batch)
        for (patch, place) in batch.places.enumerated() {
            let expected = [
                Double(place.row) * 47 / Double(rows - 1), Double(place.column) * 47 / Double(columns - 1),
            ]
            for axis in 0..<2 {
                #expect(abs(Double(found.values[2 * patch + axis]) - expected[axis]) < 1e-4)
            }
        }
    }
}
