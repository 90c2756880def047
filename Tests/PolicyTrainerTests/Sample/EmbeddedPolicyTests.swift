import ArgumentParser
import Foundation
import Imaging
import MLLMRuntime
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Embedded policies")
struct EmbeddedPolicyTests {
    @Test("a name means an embedded policy or a folder, no name the Kontext one")
    func names() throws {
        let kontext = try EmbeddedPolicy.folder(named: nil)
        #expect(try EmbeddedPolicy.folder(named: "embedded") == kontext)
        #expect(try EmbeddedPolicy.folder(named: "embedded-qwen") != kontext)
        #expect(try EmbeddedPolicy.folder(named: "/some/folder") == "/some/folder")
    }

    @Test(
        "each loads as a policy of its family for pictures of 48 × 48 pixels in nine tokens",
        arguments: EmbeddedPolicy.allCases
    )
    func families(embedded: EmbeddedPolicy) throws {
        let index = try ModelIndex(folder: embedded.folder())
        let family = try PolicyFamily.family(of: index)
        #expect(family == (embedded == .kontext ? .fluxKontext : .qwenImageEdit))
        let policy = try PolicyFamily.load(folder: embedded.folder())
        #expect(try policy.grid(width: 48, height: 48).count == 9)
        #expect(policy.transformer.transformerClass == family.transformerClass)
    }

    @Test("the Qwen one's tokenizer makes the 64 tokens that diffusers drops")
    func header() throws {
        let policy = try #require(
            try PolicyFamily.load(folder: EmbeddedPolicy.qwen.folder()) as? QwenImageEditPolicy
        )
        let count = policy.textConditioner.model.headerCount(system: QwenImageConditioner.systemMessage)
        #expect(count == QwenImageConditioner.publishedHeaderCount)
    }

    @Test(
        "sample edits a scene with either, by name, and the seed decides",
        arguments: EmbeddedPolicy.allCases
    )
    func sample(embedded: EmbeddedPolicy) async throws {
        let folder = try TemporaryFolder()
        let data = folder.url.appending(path: "data")
        try ShapeDatasetWriter.write(ShapeDatasetOptions(count: 1, testCount: 1, seed: 3), to: data)
        let example = try JSONLinesDataset(folder: folder.file("data"), split: .test).examples[0]
        func run(_ name: String, seed: Int) async throws -> PixelImage {
            try await SampleCommand.parse([
                "--policy", embedded.rawValue, "--image", example.image, "--instruction",
                example.instruction, "--steps", "3", "--seed", "\(seed)", folder.file(name),
            ]).run()
            return try ImageDecoder.decode(contentsOf: folder.file(name))
        }
        let first = try await run("a.png", seed: 1)
        #expect(first.width == 48 && first.height == 48)
        #expect(try await run("b.png", seed: 1) == first)
        #expect(try await run("c.png", seed: 2) != first)
    }

    @Test("two epochs of training change the adapter, whose folder names the family's class")
    func train() async throws {
        let run = try TinyRun()
        var configuration = run.configuration("qwen", epochs: 2)
        configuration.policy = EmbeddedPolicy.qwen.rawValue
        try await run.train(configuration)
        #expect(try run.state("qwen", epoch: 1) != run.state("qwen", epoch: 2))
        let folder = run.folder.file("qwen/checkpoints/latest/lora")
        let data = try Data(contentsOf: URL(filePath: folder + "/adapter_config.json"))
        let fields = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        let mapping = fields["auto_mapping"] as? [String: String]
        #expect(mapping?["base_model_class"] == "QwenImageTransformer2DModel")
        #expect(mapping?["parent_library"] == "diffusers.models.transformers.transformer_qwenimage")
        let transformer = try PolicyFamily.load(folder: EmbeddedPolicy.qwen.folder()).transformer
        let adapter = try LoRAAdapter.read(path: folder, for: transformer)
        #expect(adapter.names.count == 5 * 8)
    }
}
