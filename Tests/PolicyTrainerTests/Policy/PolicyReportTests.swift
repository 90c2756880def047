import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("What inspect says of a policy")
struct PolicyReportTests {
    private static let published = """
        {"_class_name": "FluxTransformer2DModel", "attention_head_dim": 128, "axes_dims_rope": [16, 56, 56],
        "guidance_embeds": true, "in_channels": 64, "joint_attention_dim": 4096, "num_attention_heads": 24,
        "num_layers": 19, "num_single_layers": 38, "out_channels": null, "patch_size": 1, "pooled_projection_dim": 768}
        """

    @Test("the published configuration has its 11,901,408,320 parameters, adapter and cost")
    func published() throws {
        let folder = try TemporaryFolder()
        try Data(Self.published.utf8).write(to: URL(filePath: folder.file("config.json")))
        let configuration = try FluxConfiguration(path: folder.file("config.json"))
        #expect(configuration.parameterCount == 11_901_408_320)
        #expect(configuration.tensorShapes.count == 1_160)
        #expect(configuration.publishedAdapterParameterCount(rank: 32) == 52_297_728)
        // 512 × 512 pixels, one reference, 128 tokens of text.
        #expect(abs(configuration.operations(tokens: 2_176) / 1e12 - 31.4) < 0.05)
        #expect(abs(configuration.trainingOperations(tokens: 2_176) / 1e12 - 162) < 0.5)
    }

    @Test("headers and configuration agree on a policy whose weights are there")
    func tiny() throws {
        let fixture = try PipelineFixture()
        let report = try PolicyReport(
            folder: fixture.policyFolder,
            transformerFile: nil,
            size: PictureSize(width: 64, height: 32),
            textTokens: 20
        )
        let transformer = try #require(report.parts.first)
        #expect(transformer.parameters == report.transformerParameters)
        #expect(transformer.formats.keys.sorted() == ["BF16"])
        #expect(report.parts.map(\.name) == ["transformer", "text_encoder", "text_encoder_2", "vae"])
        #expect(report.cost.tokens == 20 + 2 * 8 * 4)
        let json = try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any]
        #expect(json?["transformer_parameters"] as? Int == report.transformerParameters)
        #expect(report.table.contains("\(report.transformerParameters) parameters"))
    }

    @Test("a folder without weights is counted from its configuration; a foreign folder is refused by name")
    func withoutWeights() throws {
        let fixture = try PipelineFixture()
        let folder = try TemporaryFolder()
        let copy = folder.file("policy")
        try FileManager.default.copyItem(atPath: fixture.policyFolder, toPath: copy)
        let weights = copy + "/transformer/diffusion_pytorch_model.safetensors"
        try FileManager.default.removeItem(atPath: weights)
        let size = PictureSize(width: 64, height: 32)
        let report = try PolicyReport(folder: copy, transformerFile: nil, size: size, textTokens: 20)
        #expect(report.parts[0].parameters == report.transformerParameters)
        #expect(report.parts[0].storedByteCount == nil)
        #expect(throws: PolicyError.self) {
            try PolicyReport(folder: "/none", transformerFile: nil, size: size, textTokens: 20)
        }
        #expect(throws: PolicyError.self) {
            try PolicyReport(
                folder: copy,
                transformerFile: nil,
                size: PictureSize(width: 63, height: 32),
                textTokens: 20
            )
        }
    }
}
