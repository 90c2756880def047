import Imaging
import Testing

@Suite struct PatchesTests {
    static let clip = PixelNormalization(
        mean: [0.48145466, 0.4578275, 0.40821073],
        standardDeviation: [0.26862954, 0.26130258, 0.27577711]
    )

    @Test("patch rows equal transformers' bit for bit")
    func matchesTransformers() throws {
        for expected in try ImagingFixtures.load().patches {
            let plan = try ResizePlan.smart(
                width: expected.width,
                height: expected.height,
                factor: 2 * expected.patchSize,
                minimumPixels: expected.minimumPixels,
                maximumPixels: expected.maximumPixels
            )
            let grid = PatchGrid(
                ImagingFixtures.synthetic(width: expected.width, height: expected.height).resized(plan),
                normalization: PixelNormalization(
                    mean: expected.mean,
                    standardDeviation: expected.standardDeviation
                ),
                patchSize: expected.patchSize,
                mergeSize: 2,
                temporalPatchSize: 2
            )
            #expect(grid.gridHeight == expected.gridHeight && grid.gridWidth == expected.gridWidth)
            #expect(grid.patchLength == expected.patchLength)
            #expect(Array(grid.values.prefix(4)) == expected.firstValues)
            #expect(ImagingFixtures.digest(of: grid.values) == expected.sha256)
        }
    }

    @Test("the golden rows of the reference hold")
    func golden() {
        let image = ImagingFixtures.synthetic(width: 100, height: 100).resized(width: 112, height: 112)
        let grid = PatchGrid(
            image,
            normalization: Self.clip,
            patchSize: 14,
            mergeSize: 2,
            temporalPatchSize: 2
        )
        #expect(grid.patchCount == 64 && grid.patchLength == 1_176)
        func row(_ index: Int) -> ArraySlice<Float> { grid.values[index * 1_176..<(index + 1) * 1_176] }
        #expect(Array(row(0).prefix(4)) == [-1.7922626, -1.704672, -1.6170814, -1.5294908])
        #expect(Array(row(1).prefix(2)) == [-0.5221994, -0.43460885])
        #expect(Array(row(2).prefix(2)) == [0.5726826, 0.66027313])
        #expect(Array(row(4).prefix(2)) == [0.76246214, 0.85005265])
        #expect(Array(row(0)[196..<198]) == Array(row(0)[0..<2]))
        #expect(Array(row(0)[392..<394]) == [-1.3168719, -1.2268252])
        #expect(abs(grid.values.reduce(0.0) { $0 + Double($1) } - 14_317.4715) < 0.001)
        #expect(abs(grid.values.reduce(0.0) { $0 + Double(abs($1)) } - 67_646.3982) < 0.001)
    }

    @Test("patches of one merge block follow each other: right, then below")
    func order() {
        var pixels: [UInt8] = []
        for y in 0..<4 {
            for x in 0..<6 { pixels += [UInt8(10 * y + x), 0, 0] }
        }
        let plain = PixelNormalization(mean: [0, 0, 0], standardDeviation: [1, 1, 1], rescaleFactor: 1)
        let grid = PatchGrid(
            PixelImage(width: 6, height: 4, pixels: pixels),
            normalization: plain,
            patchSize: 1,
            mergeSize: 2,
            temporalPatchSize: 1
        )
        let reds = stride(from: 0, to: grid.values.count, by: 3).map { Int(grid.values[$0]) }
        let upper = [0, 1, 10, 11, 2, 3, 12, 13, 4, 5, 14, 15]
        #expect(reds == upper + upper.map { $0 + 20 })
    }
}
