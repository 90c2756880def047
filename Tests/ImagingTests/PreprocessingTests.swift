import Foundation
import Imaging
import TestSupport
import Testing

/// What both image processors of transformers make of pictures of every kind; made by
/// scripts/fixtures/preprocessing.py.
private struct PreprocessedPictures: Decodable {
    struct Picture: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let patchSize: Int
        let minimumPixels: Int
        let maximumPixels: Int
        let mean: [Double]
        let standardDeviation: [Double]
        let gridHeight: Int
        let gridWidth: Int
        let sha256: String
        /// Largest difference of torchvision's backend to Pillow's, in 255ths of the range of a sample.
        let torchvisionLevels: Double
        /// Every `stride`-th value of torchvision's backend.
        let torchvision: [Float]
        let stride: Int

        var testDescription: String { file }
    }

    struct Versions: Decodable {
        let pillow: String
        let torchvision: String
        let transformers: String
    }

    let versions: Versions
    let pictures: [Picture]

    static let loaded = Result {
        try JSONDecoder().decode(
            PreprocessedPictures.self,
            from: Data(ImagingFixtures.bytes(of: "preprocessing.json"))
        )
    }
}

@Suite("Preprocessing against transformers")
struct PreprocessingTests {
    /// The most that the two backends differ, in levels of 255.
    private static let torchvisionBound = 2.0

    private func patches(_ picture: PreprocessedPictures.Picture) throws -> PatchGrid {
        let image = try ImageDecoder.decode(contentsOf: ImagingFixtures.path(of: picture.file))
        let plan = try ResizePlan.smart(
            width: image.width,
            height: image.height,
            factor: 2 * picture.patchSize,
            minimumPixels: picture.minimumPixels,
            maximumPixels: picture.maximumPixels
        )
        return PatchGrid(
            image.resized(plan),
            normalization: PixelNormalization(
                mean: picture.mean,
                standardDeviation: picture.standardDeviation
            ),
            patchSize: picture.patchSize,
            mergeSize: 2,
            temporalPatchSize: 2
        )
    }

    @Test("patches of gray, CMYK, palette, transparent and turned pictures equal the PIL backend's")
    func pil() throws {
        let fixture = try PreprocessedPictures.loaded.get()
        #expect(fixture.pictures.count == 18)
        var differing = 0
        for picture in fixture.pictures {
            let grid = try patches(picture)
            #expect(grid.gridHeight == picture.gridHeight && grid.gridWidth == picture.gridWidth)
            let isEqual = ImagingFixtures.digest(of: grid.values) == picture.sha256
            #expect(isEqual, "\(picture.file)")
            differing += isEqual ? 0 : 1
        }
        try ParityRecord.write(
            family: "any",
            format: "png, jpeg",
            check: "patches, PIL backend",
            difference: Double(differing),
            limit: 0,
            unit: "pictures",
            cases: fixture.pictures.count,
            reference: "transformers \(fixture.versions.transformers), pillow \(fixture.versions.pillow)"
        )
    }

    @Test("the torchvision backend lies within two levels of ours")
    func torchvision() throws {
        let fixture = try PreprocessedPictures.loaded.get()
        var worst = 0.0
        for picture in fixture.pictures {
            let grid = try patches(picture)
            let plane = 2 * picture.patchSize * picture.patchSize
            for (index, expected) in picture.torchvision.enumerated() {
                let place = index * picture.stride
                let deviation = picture.standardDeviation[place % grid.patchLength / plane]
                worst = max(worst, Double(abs(grid.values[place] - expected)) * deviation * 255)
            }
            worst = max(worst, picture.torchvisionLevels)
        }
        // The values are stored with seven digits.
        #expect(worst <= Self.torchvisionBound + 0.001)
        try ParityRecord.write(
            family: "any",
            format: "png, jpeg",
            check: "patches, torchvision backend",
            difference: worst,
            limit: Self.torchvisionBound,
            unit: "levels of 255",
            cases: fixture.pictures.count,
            reference:
                "transformers \(fixture.versions.transformers), torchvision \(fixture.versions.torchvision)"
        )
    }
}
