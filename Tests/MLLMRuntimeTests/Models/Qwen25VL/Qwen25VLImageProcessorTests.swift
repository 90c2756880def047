import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Image processor of Qwen2.5-VL")
struct Qwen25VLImageProcessorTests {
    private func processor(_ change: (inout [String: Any]) -> Void) throws -> ImageProcessor {
        let folder = try Fixture.copy(of: "tied")
        try Fixture.edit(folder.file("preprocessor_config.json"), change)
        let configuration = try Qwen25VLConfiguration(try JSONFields(path: folder.file("config.json")))
        return try ImageProcessor(
            try HuggingFaceFolder(path: folder.path).preprocessing(),
            vision: configuration.vision,
            defaults: Qwen25VLConfiguration.imageDefaults
        )
    }

    @Test("explicit pixel bounds win over the size block, which wins over the defaults")
    func bounds() throws {
        let explicit = try processor { $0["size"] = ["shortest_edge": 1, "longest_edge": 2] }
        #expect(explicit.minimumPixels == 3136 && explicit.maximumPixels == 12_845_056)
        let sized = try processor {
            $0["min_pixels"] = nil
            $0["max_pixels"] = NSNull()
            $0["size"] = ["shortest_edge": 4000, "longest_edge": 8000]
        }
        #expect(sized.minimumPixels == 4000 && sized.maximumPixels == 8000)
        let bare = try processor {
            $0["min_pixels"] = nil
            $0["max_pixels"] = nil
        }
        #expect(bare.minimumPixels == 3136 && bare.maximumPixels == 1_003_520)
    }

    @Test(
        "photographs of many sizes become the grids of the reference",
        arguments: [
            (512, 512, 504, 504), (480, 640, 476, 644), (768, 1024, 756, 1036), (1080, 1920, 1092, 1932),
            (70, 70, 56, 56), (42, 42, 56, 56), (98, 126, 112, 112), (10, 100, 28, 196),
            (3000, 2001, 2996, 1988),
            (1, 1, 56, 56), (1, 200, 28, 812),
        ]
    )
    func sizes(height: Int, width: Int, newHeight: Int, newWidth: Int) throws {
        let image = try processor { _ in }.prepare(
            Fixture.noise(width, height, seed: 1),
            model: ContentHash("m")
        )
        #expect(image.patches.gridHeight == newHeight / 14 && image.patches.gridWidth == newWidth / 14)
        #expect(image.tokenCount == newHeight * newWidth / 784)
        #expect(image.patches.values.allSatisfy { $0.isFinite })
    }

    @Test("an image thinner than 1 : 200 is an error")
    func thin() throws {
        let processor = try processor { _ in }
        #expect(throws: ResizeError.tooThin(width: 201, height: 1)) {
            try processor.prepare(Fixture.noise(201, 1, seed: 1), model: ContentHash("m"))
        }
    }

    @Test("the content hash follows pixels, preprocessing and model")
    func contentHash() throws {
        let plain = try processor { _ in }
        let picture = Fixture.noise(90, 80, seed: 1)
        var changed = picture
        changed.pixels[1000] ^= 128
        let first = try plain.prepare(picture, model: ContentHash("m")).contentHash
        #expect(try plain.prepare(picture, model: ContentHash("m")).contentHash == first)
        #expect(try plain.prepare(changed, model: ContentHash("m")).contentHash != first)
        #expect(try plain.prepare(picture, model: ContentHash("n")).contentHash != first)
        let other = try processor { $0["image_mean"] = [0.5, 0.5, 0.5] }
        #expect(try other.prepare(picture, model: ContentHash("m")).contentHash != first)
    }

    @Test("steps that the runtime does not have, and sizes of another tower, are refused")
    func refused() throws {
        #expect(throws: ModelError.self) { try processor { $0["do_normalize"] = false } }
        #expect(throws: ModelError.self) { try processor { $0["resample"] = 2 } }
        #expect(throws: ModelError.self) { try processor { $0["patch_size"] = 16 } }
        #expect(throws: ModelError.self) { try processor { $0["image_std"] = [0.5, 0, 0.5] } }
        #expect(throws: ModelError.self) { try processor { $0["min_pixels"] = 1 << 30 } }
    }

    @Test("processor_config.json serves when preprocessor_config.json is missing")
    func nested() throws {
        let folder = try Fixture.copy(of: "tied")
        let path = folder.file("preprocessor_config.json")
        let inner = try Data(contentsOf: URL(filePath: path))
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: ModelError.missingFile(path: path)) {
            try LanguageVisionModel.load(folder: folder.path)
        }
        let whole = Data(#"{"image_processor": "#.utf8) + inner + Data("}".utf8)
        try whole.write(to: URL(filePath: folder.file("processor_config.json")))
        _ = try LanguageVisionModel.load(folder: folder.path)
    }

    @Test("the processor inside processor_config.json goes before preprocessor_config.json")
    func precedence() throws {
        let folder = try Fixture.copy(of: "tied")
        let own = try HuggingFaceFolder(path: folder.path).preprocessing()
        try Data(#"{"image_processor": {"min_pixels": 7}}"#.utf8)
            .write(to: URL(filePath: folder.file("processor_config.json")))
        let fields = try HuggingFaceFolder(path: folder.path).preprocessing()
        #expect(try fields.integer("min_pixels", in: 1...10) == 7 && own.path != fields.path)
        #expect(try ModelFiles.preprocessingFile(inFolder: folder.path) == "processor_config.json")
        try Data(#"{"processor_class": "Qwen2_5_VLProcessor"}"#.utf8)
            .write(to: URL(filePath: folder.file("processor_config.json")))
        #expect(try HuggingFaceFolder(path: folder.path).preprocessing().path == own.path)
    }
}
