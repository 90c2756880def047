import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Spellings of preprocessor_config.json")
struct PreprocessorSpellingTests {
    private static let path = Fixture.path("preprocessing/preprocessing.json")

    /// A tower that takes patches of the given size; its other sizes do not matter here.
    private func vision(patchSize: Int) throws -> VisionConfiguration {
        let fields: [String: Any] = [
            "hidden_size": 64, "num_heads": 4, "out_hidden_size": 32, "patch_size": patchSize,
        ]
        return try VisionConfiguration(
            JSONFields(path: "config.json", fields: fields),
            keys: VisionConfiguration.Keys(
                hiddenSize: "hidden_size",
                defaultHiddenSize: nil,
                outputSize: "out_hidden_size",
                defaultBlockCount: 1,
                defaultPatchSize: 14,
                activation: "silu"
            ),
            decoderWidth: 32,
            intermediateSize: { 2 * $0 }
        )
    }

    private func picture(_ width: Int, _ height: Int) -> PixelImage {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for channel in 0..<3 {
                    pixels.append(UInt8((7 * x + 13 * y + 29 * channel + x * y / 16) % 256))
                }
            }
        }
        return PixelImage(width: width, height: height, pixels: pixels)
    }

    @Test("every spelling of the bounds that transformers takes gives its patches bit for bit")
    func spellings() throws {
        let data = try Data(contentsOf: URL(filePath: Self.path))
        let fixture = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let image = picture(try #require(fixture["width"] as? Int), try #require(fixture["height"] as? Int))
        var (compared, differing) = (0, 0)
        for spelling in try #require(fixture["spellings"] as? [[String: Any]]) {
            let fields = try #require(spelling["configuration"] as? [String: Any])
            let name = try #require(spelling["name"] as? String)
            guard let sha256 = spelling["sha256"] as? String else { continue }
            let processor = try ImageProcessor(
                JSONFields(path: name, fields: fields),
                vision: try vision(patchSize: try #require(fields["patch_size"] as? Int)),
                defaults: .qwen2VL
            )
            let grid = try processor.prepare(image, model: ContentHash("")).patches
            #expect(grid.gridHeight == spelling["gridHeight"] as? Int, "\(name)")
            #expect(grid.gridWidth == spelling["gridWidth"] as? Int, "\(name)")
            let bytes = grid.values.flatMap { value in
                (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) }
            }
            let isEqual = ContentHash(bytes).hexadecimal == sha256
            #expect(isEqual, "\(name)")
            compared += 1
            differing += isEqual ? 0 : 1
        }
        #expect(compared == 15)
        let versions = try #require(fixture["versions"] as? [String: String])
        try ParityRecord.write(
            family: "any",
            format: "preprocessor_config.json",
            check: "sizes and patches by spelling",
            difference: Double(differing),
            limit: 0,
            unit: "spellings",
            cases: compared,
            reference: "transformers \(versions["transformers"] ?? "?")"
        )
    }
}
