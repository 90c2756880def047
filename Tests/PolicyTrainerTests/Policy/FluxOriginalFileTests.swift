import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// One transformer in three layouts, of scripts/fixtures/flux_original.py.
@Suite("FLUX transformers in one file")
struct FluxOriginalFileTests {
    private let root: String
    private let tensors: SafetensorsFile
    private let input: FluxInput

    init() throws {
        root = try #require(Bundle.module.resourcePath) + "/Fixtures/flux_original"
        tensors = try SafetensorsFile(path: root + "/tensors.safetensors")
        input = FluxInput(
            target: try tensors.tensor("target"),
            reference: try tensors.tensor("reference"),
            text: try tensors.tensor("text"),
            pooled: try tensors.tensor("pooled"),
            sigma: [0.4, 0.9],
            guidance: [2.5, 3.5],
            targetGrid: TokenGrid(rows: 2, columns: 3),
            referenceGrid: TokenGrid(rows: 3, columns: 2)
        )
    }

    @Test("original names give the bits of the diffusers folder, and both diffusers' velocity")
    func safetensors() throws {
        let folder = try FluxTransformer(folder: root + "/transformer")
        let file = try FluxTransformer(folder: root + "/transformer", file: root + "/original.safetensors")
        let found = file.velocity(input, adapter: nil)
        #expect(found.values == folder.velocity(input, adapter: nil).values)
        #expect(relativeDifference(found, try tensors.tensor("velocity")) < Tolerance.float32Relative)
    }

    @Test("a GGUF file of Q8_0, Q4_0, BF16, F16 and F32 gives the velocity of its decoded numbers")
    func gguf() throws {
        let file = try FluxTransformer(folder: root + "/transformer", file: root + "/original.gguf")
        let found = file.velocity(input, adapter: nil)
        let difference = relativeDifference(found, try tensors.tensor("velocity_gguf"))
        #expect(difference < Tolerance.float32Relative)
        #expect(relativeDifference(found, try tensors.tensor("velocity")) > 0.001)
        try ParityRecord.write(
            family: "flux",
            format: "GGUF",
            check: "velocity",
            difference: Double(difference),
            limit: Double(Tolerance.float32Relative),
            unit: "relative",
            reference: "diffusers 0.42.1, gguf 0.19.0"
        )
    }

    @Test("fused tensors keep their format when they are cut, and names are diffusers'")
    func formats() throws {
        let configuration = try FluxConfiguration(path: root + "/transformer/config.json")
        let file = try FluxOriginalFile(path: root + "/original.gguf", configuration: configuration)
        let folder = try WeightFolder(folder: root + "/transformer", stem: "diffusion_pytorch_model")
        #expect(file.names == folder.names)
        #expect(Set(file.names) == Set(configuration.tensorShapes.keys))
        for name in file.names { #expect(file.shape(of: name) == folder.shape(of: name), "\(name)") }
        let whole = "single_transformer_blocks.0.proj_mlp.weight"
        let cut = try file.matrix(whole, shape: [128, 32])
        #expect(cut.format == file.format(of: whole))
        #expect(cut.rowCount == 128)
    }

    @Test("another kind of file, a missing tensor and a foreign model are refused by name")
    func refusals() throws {
        let transformer = root + "/transformer"
        #expect(throws: PolicyError.self) { try FluxTransformer(folder: transformer, file: "/a.ckpt") }
        #expect(throws: WeightError.self) { try FluxTransformer(folder: transformer, file: "/none.gguf") }
        let folder = try TemporaryFolder()
        let stored = try SafetensorsFile(path: root + "/original.safetensors")
        var weights = Dictionary(
            uniqueKeysWithValues: try stored.entries.keys.map { ($0, try stored.tensor($0)) }
        )
        weights["model.diffusion_model.double_blocks.0.txt_attn.qkv.weight"] = nil
        try SafetensorsWriter.write(weights, to: folder.file("a.safetensors"))
        let error = #expect(throws: WeightError.self) {
            try FluxTransformer(folder: transformer, file: folder.file("a.safetensors"))
        }
        #expect(error?.description.contains("add_q_proj") == true)
        weights["model.diffusion_model.double_blocks.0.txt_attn.qkv.weight"] = Tensor(zeros: [96, 32])
        weights["model.diffusion_model.extra.weight"] = Tensor([1])
        try SafetensorsWriter.write(weights, to: folder.file("b.safetensors"))
        let surplus = #expect(throws: WeightError.self) {
            try FluxTransformer(folder: transformer, file: folder.file("b.safetensors"))
        }
        #expect(surplus?.description.contains("extra.weight") == true)
    }
}
