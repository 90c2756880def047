import ArgumentParser
import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("What inspect and export make of Qwen-Image-Edit folders")
struct QwenImageFilesTests {
    @Test("the published configuration has its 20,430,401,088 parameters, adapter and cost")
    func published() throws {
        let folder = try TemporaryFolder()
        // The defaults of the class are the published sizes.
        try Data(#"{"_class_name": "QwenImageTransformer2DModel"}"#.utf8)
            .write(to: URL(filePath: folder.file("config.json")))
        let configuration = try QwenImageConfiguration(path: folder.file("config.json"))
        #expect(configuration.parameterCount == 20_430_401_088)
        #expect(configuration.tensorShapes.count == 1_933)
        #expect(configuration.publishedAdapterParameterCount(rank: 32) == 94_371_840)
        // 512 × 512 pixels, one reference, 256 tokens of text.
        #expect(abs(configuration.operations(tokens: 2_304) / 1e12 - 35.2) < 0.2)
        #expect(abs(configuration.trainingOperations(tokens: 2_304) / 1e12 - 182) < 2)
    }

    @Test("headers and configuration agree, and a file for the transformer is refused by name")
    func inspect() throws {
        let fixture = try QwenImageFixture()
        let size = PictureSize(width: 64, height: 32)
        let report = try PolicyReport(
            folder: fixture.folder,
            transformerFile: nil,
            size: size,
            textTokens: nil
        )
        #expect(report.parts.map(\.name) == ["transformer", "text_encoder", "vae"])
        #expect(report.parts[0].parameters == report.transformerParameters)
        #expect(report.parts.allSatisfy { $0.parameters > 0 && $0.formats.keys.sorted() == ["BF16"] })
        #expect(report.doubleBlocks == 2 && report.singleBlocks == 0 && !report.guidance)
        #expect(report.cost.tokens == 256 + 2 * 8 * 4)
        #expect(report.table.contains("QwenImageEditPlusPipeline, 2 double and 0 single blocks of width 32"))
        #expect {
            try PolicyReport(
                folder: fixture.folder,
                transformerFile: "/a.gguf",
                size: size,
                textTokens: nil
            )
        } throws: {
            "\($0)".contains("/a.gguf") && "\($0)".contains("FluxKontextPipeline")
        }
    }

    @Test("an adapter that was written is read back bit for bit, under the family's class")
    func roundTrip() throws {
        let fixture = try QwenImageFixture()
        let (transformer, adapter) = (try fixture.transformer(), try fixture.adapter())
        let folder = try TemporaryFolder()
        try PEFTFolder.write(adapter, to: folder.path, baseClass: transformer.transformerClass)
        let again = try PEFTFolder.read(folder: folder.path, for: transformer)
        #expect(again.configuration == adapter.configuration)
        #expect(again.parameters().map(\.name) == adapter.parameters().map(\.name))
        #expect(again.parameters().map(\.tensor.values) == adapter.parameters().map(\.tensor.values))
        let data = try Data(contentsOf: URL(filePath: folder.file("adapter_config.json")))
        #expect(String(decoding: data, as: UTF8.self).contains("QwenImageTransformer2DModel"))
    }

    @Test("export writes every format, and the merged folder needs no adapter")
    func export() throws {
        let fixture = try QwenImageFixture()
        let folder = try TemporaryFolder()
        let (transformer, input) = (try fixture.transformer(), try fixture.input())
        let adapter = try fixture.adapter()
        try PEFTFolder.write(adapter, to: folder.file("lora"), baseClass: transformer.transformerClass)
        let expected = transformer.velocity(input, adapter: adapter)
        for format in ["peft", "diffusers", "merged"] {
            try ExportCommand.parse([
                "--lora", folder.file("lora"), "--policy", fixture.folder, "--format", format,
                folder.file(format),
            ]).run()
        }
        for format in ["peft", "diffusers"] {
            let again = try LoRAAdapter.read(path: folder.file(format), for: transformer)
            #expect(relativeDifference(transformer.velocity(input, adapter: again), expected) < 1e-6)
        }
        let merged = try QwenImageTransformer(folder: folder.file("merged"))
        #expect(
            relativeDifference(merged.velocity(input, adapter: nil), expected) < Tolerance.float32Relative
        )
    }
}
