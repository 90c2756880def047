import ArgumentParser
import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// Adapters of scripts/fixtures/lora_files.py for the transformer of `FluxFixture("embedded")`.
@Suite("LoRA files")
struct LoRAFileTests {
    private let fixture: FluxFixture
    private let root: String

    init() throws {
        fixture = try FluxFixture("embedded")
        root = try #require(Bundle.module.resourcePath) + "/Fixtures/lora_files"
    }

    @Test(
        "what peft, diffusers and kohya's scripts wrote gives their velocities",
        arguments: [
            ("pattern", "pattern"), ("diffusers", "diffusers"),
            ("diffusers", "diffusers/pytorch_lora_weights.safetensors"), ("plain", "plain"),
            ("kohya", "kohya.safetensors"),
        ]
    )
    func foreign(name: String, path: String) throws {
        let adapter = try LoRAAdapter.read(path: "\(root)/\(path)", for: fixture.transformer)
        let expected = try SafetensorsFile(path: root + "/velocities.safetensors").tensor(name)
        let found = fixture.transformer.velocity(fixture.input, adapter: adapter)
        let difference = relativeDifference(found, expected)
        #expect(difference < Tolerance.float32Relative)
        try ParityRecord.write(
            family: "flux",
            format: name,
            check: "velocity with LoRA",
            difference: Double(difference),
            limit: Double(Tolerance.float32Relative),
            unit: "relative",
            reference: "peft 0.21.2, diffusers 0.42.1"
        )
        let base = fixture.transformer.velocity(fixture.input, adapter: nil)
        #expect(relativeDifference(base, expected) > 0.01)
        // Merged, and the base afterwards untouched: the way back is exact.
        let merged = fixture.transformer.merging(adapter).velocity(fixture.input, adapter: nil)
        #expect(relativeDifference(merged, expected) < Tolerance.float32Relative)
        #expect(fixture.transformer.velocity(fixture.input, adapter: nil).values == base.values)
    }

    @Test("the header's strength counts: without it the same factors give another velocity")
    func strength() throws {
        let with = try LoRAAdapter.read(path: root + "/diffusers", for: fixture.transformer)
        let without = try LoRAAdapter.read(path: root + "/plain", for: fixture.transformer)
        #expect(with.parameters().map(\.tensor.values) == without.parameters().map(\.tensor.values))
        #expect(with.configuration.scale == 5 / 3 && without.configuration.scale == 1)
        #expect(with.configuration.targets == ["attn.add_k_proj", "attn.to_q", "ff.net.2", "proj_mlp"])
    }

    @Test("what is written in either layout is read back with equal velocities, ranks of their own included")
    func roundTrip() throws {
        for name in ["pattern", "kohya.safetensors"] {
            let adapter = try LoRAAdapter.read(path: "\(root)/\(name)", for: fixture.transformer)
            let expected = fixture.transformer.velocity(fixture.input, adapter: adapter)
            let folder = try TemporaryFolder()
            try PEFTFolder.write(adapter, to: folder.file("peft"), baseClass: .flux)
            try LoRAFile.write(adapter, to: folder.file("diffusers"))
            for layout in ["peft", "diffusers"] {
                let again = try LoRAAdapter.read(path: folder.file(layout), for: fixture.transformer)
                #expect(Set(again.names) == Set(adapter.names))
                let found = fixture.transformer.velocity(fixture.input, adapter: again)
                #expect(relativeDifference(found, expected) < 1e-6, "\(name) as \(layout)")
            }
        }
    }

    @Test("a file for another model, half a term, and terms of a text encoder are refused by name")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let (a, b) = (Tensor(zeros: [2, 32]), Tensor(zeros: [32, 2]))
        func error(_ tensors: [String: Tensor]) throws -> String {
            try SafetensorsWriter.write(tensors, to: folder.file("a.safetensors"))
            let error = #expect(throws: (any Error).self) {
                try LoRAAdapter.read(path: folder.file("a.safetensors"), for: fixture.transformer)
            }
            return error.map { "\($0)" } ?? ""
        }
        let module = "transformer.transformer_blocks.0.attn.to_q"
        #expect(try error(["transformer.none.lora_A.weight": a]).contains("transformer.none"))
        #expect(try error([module + ".lora_A.weight": a]).contains("up (B)"))
        #expect(try error([module + ".lora_A.weight": a, module + ".lora_B.weight": a]).contains("[32, 2]"))
        #expect(
            try error([module + ".lora_A.weight": Tensor(zeros: [2, 31]), module + ".lora_B.weight": b])
                .contains("[2, 32]")
        )
        #expect(
            try error(["lora_te1_text_model_encoder.lora_down.weight": a]).contains("text encoder")
        )
        #expect(throws: LoRAError.self) {
            try LoRAAdapter.read(path: folder.path, for: fixture.transformer)
        }
    }

    @Test("export writes every format, and the merged folder needs no adapter")
    func export() throws {
        let folder = try TemporaryFolder()
        // The smallest pipeline folder that export needs: an index and the transformer.
        let policy = folder.file("policy")
        try FileManager.default.createDirectory(atPath: policy, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: fixture.folder + "/transformer",
            toPath: policy + "/transformer"
        )
        try Data(
            #"{"_class_name": "FluxKontextPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]}"#
                .utf8
        ).write(to: URL(filePath: policy + "/model_index.json"))
        let adapter = try LoRAAdapter.read(path: root + "/pattern", for: fixture.transformer)
        let expected = fixture.transformer.velocity(fixture.input, adapter: adapter)
        for format in ["peft", "diffusers", "merged"] {
            try ExportCommand.parse([
                "--lora", root + "/pattern", "--policy", policy, "--format", format, folder.file(format),
            ]).run()
        }
        for format in ["peft", "diffusers"] {
            let again = try LoRAAdapter.read(path: folder.file(format), for: fixture.transformer)
            let found = fixture.transformer.velocity(fixture.input, adapter: again)
            #expect(relativeDifference(found, expected) < 1e-6)
        }
        let merged = try FluxTransformer(folder: folder.file("merged"))
        let found = merged.velocity(fixture.input, adapter: nil)
        #expect(relativeDifference(found, expected) < Tolerance.float32Relative)
        #expect(throws: PolicyError.self) {
            try ExportCommand.parse([
                "--lora", root + "/pattern", "--policy", policy, "--format", "peft", folder.file("peft"),
            ]).run()
        }
        #expect(throws: (any Error).self) {
            try ExportCommand.parse(["--lora", "a", "--run", "b", "--format", "peft", "out"])
        }
    }
}
