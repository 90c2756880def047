import Foundation
import Shared
import Testing

@testable import PolicyTrainer

/// Against diffusers 0.42.1 and peft 0.21.2; see Fixtures/flux_transformer/manifest.json.
@Suite struct FluxTransformerTests {
    @Test("the velocity equals diffusers'", arguments: FluxFixture.names)
    func velocity(name: String) throws {
        let fixture = try FluxFixture(name)
        let found = fixture.transformer.velocity(fixture.input, adapter: nil)
        #expect(found.shape == fixture.input.target.shape)
        #expect(relativeDifference(found, try fixture.tensors.tensor("base")) < 1e-4)
    }

    @Test("the velocity with an adapter equals peft's, merged or not", arguments: FluxFixture.names)
    func adapted(name: String) throws {
        let fixture = try FluxFixture(name)
        let adapter = try fixture.adapter()
        let found = fixture.transformer.velocity(fixture.input, adapter: adapter)
        let merged = fixture.transformer.merging(adapter).velocity(fixture.input, adapter: nil)
        let expected = try fixture.tensors.tensor("adapted")
        #expect(relativeDifference(found, expected) < 1e-4)
        #expect(relativeDifference(merged, found) < 1e-5)
        #expect(relativeDifference(expected, try fixture.tensors.tensor("base")) > 0.05)
    }

    @Test(
        "gradients of every LoRA matrix equal PyTorch's, with the same bits when blocks run twice",
        arguments: FluxFixture.names
    )
    func gradients(name: String) throws {
        let fixture = try FluxFixture(name)
        let adapter = try fixture.adapter()
        let weight = try fixture.tensors.tensor("output_gradient")
        let runs = [0, 1, 2].map { checkpointing in
            let tape = Tape()
            let velocity = fixture.transformer.velocity(
                fixture.input,
                adapters: BatchAdapters(adapter),
                tape: tape,
                checkpointing: checkpointing
            )
            return (velocity.value, tape.backward(from: velocity, gradient: weight))
        }
        let expectedNames = fixture.tensors.entries.keys.filter { $0.hasPrefix("gradient.") }.sorted()
        #expect(expectedNames == adapter.parameters().map { "gradient." + $0.name }.sorted())
        for (name, tensor) in adapter.parameters() {
            let expected = try fixture.tensors.tensor("gradient." + name)
            guard let found = runs[0].1[name] else {
                #expect(expected.values.allSatisfy { $0 == 0 }, "\(name) has no gradient")
                continue
            }
            #expect(found.shape == tensor.shape)
            #expect(relativeDifference(found, expected) < 1e-4, "\(name)")
            #expect(runs[1].1[name]?.values == found.values, "\(name) differs with checkpointing")
            #expect(runs[2].1[name]?.values == found.values, "\(name) differs with two blocks together")
        }
        #expect(runs[0].0.values == runs[1].0.values)
        #expect(runs[0].0.values == fixture.transformer.velocity(fixture.input, adapter: adapter).values)
        #expect(runs[0].1.names == runs[1].1.names)
    }

    @Test(
        "gradients of base weights equal PyTorch's when the tape asks for them",
        arguments: FluxFixture.names
    )
    func baseGradients(name: String) throws {
        let fixture = try FluxFixture(name)
        let adapter = LoRAAdapter(configuration: LoRAConfiguration(), pairs: [:])
        for checkpointing in [0, 1, 3] {
            let tape = Tape(trainsBase: true)
            let velocity = fixture.transformer.velocity(
                fixture.input,
                adapters: BatchAdapters(adapter),
                tape: tape,
                checkpointing: checkpointing
            )
            let found = tape.backward(from: velocity, gradient: try fixture.tensors.tensor("output_gradient"))
            let names = fixture.tensors.entries.keys.filter { $0.hasPrefix("base_gradient.") }
            #expect(names.count >= 10)
            for name in names {
                let gradient = try #require(found[String(name.dropFirst("base_gradient.".count))])
                #expect(relativeDifference(gradient, try fixture.tensors.tensor(name)) < 1e-4, "\(name)")
            }
        }
    }

    @Test("an adapter whose B is zero leaves every bit of the output", arguments: FluxFixture.names)
    func zeroAdapter(name: String) throws {
        let fixture = try FluxFixture(name)
        let configuration = LoRAConfiguration(rank: 5, alpha: 10, targets: LoRAConfiguration.publishedTargets)
        let adapter = try LoRAAdapter.initial(
            for: fixture.transformer,
            configuration: configuration,
            seeds: SeedTree(seed: 1)
        )
        let base = fixture.transformer.velocity(fixture.input, adapter: nil).values
        #expect(fixture.transformer.velocity(fixture.input, adapter: adapter).values == base)
        #expect(fixture.transformer.merging(adapter).velocity(fixture.input, adapter: nil).values == base)
    }

    @Test("a sample's velocity does not depend on its company beyond rounding")
    func company() throws {
        let fixture = try FluxFixture("embedded")
        let together = fixture.transformer.velocity(fixture.input, adapter: nil)
        var alone = fixture.input
        func last(_ tensor: Tensor) -> Tensor {
            let rows = tensor.rowCount / tensor.shape[0]
            return tensor.rows((tensor.rowCount - rows)..<tensor.rowCount).reshaped(
                [1] + tensor.shape.dropFirst()
            )
        }
        alone.target = last(alone.target)
        alone.reference = last(alone.reference)
        alone.text = last(alone.text)
        alone.pooled = last(alone.pooled)
        alone.sigma = [alone.sigma[2]]
        let found = fixture.transformer.velocity(alone, adapter: nil)
        #expect(relativeDifference(found, last(together)) < 1e-5)
    }

    @Test("the published targets match the names that peft matches by suffix")
    func targets() throws {
        let fixture = try FluxFixture("embedded")
        let targets = fixture.transformer.loraTargets(suffixes: LoRAConfiguration.publishedTargets)
        #expect(targets.count == 3 * 8 + 4 * 3)
        #expect(targets.allSatisfy { $0.inputs == 32 && $0.outputs == 32 })
        let wide = fixture.transformer.loraTargets(suffixes: ["proj_mlp"])
        #expect(wide.count == 4 && wide.allSatisfy { $0.inputs == 32 && $0.outputs == 128 })
        #expect(fixture.transformer.loraTargets(suffixes: ["q"]).isEmpty)
    }

    @Test(
        "a missing, a surplus and a misshapen tensor are named",
        arguments: ["missing", "surplus", "shape"]
    )
    func damagedWeights(kind: String) throws {
        let fixture = try FluxFixture("embedded")
        let file = try SafetensorsFile(
            path: fixture.folder + "/transformer/diffusion_pytorch_model.safetensors"
        )
        var tensors: [String: Tensor] = [:]
        for name in file.entries.keys {
            tensors[name] = try file.tensor(name)
        }
        let victim = "transformer_blocks.1.attn.norm_k.weight"
        let expected: WeightError
        let folder = NSTemporaryDirectory() + "flux-\(kind)-\(UUID().uuidString)"
        switch kind {
        case "missing":
            tensors[victim] = nil
            expected = .missing(name: victim, path: folder)
        case "surplus":
            tensors["extra.weight"] = Tensor(zeros: [2])
            expected = .surplus(names: ["extra.weight"], path: folder)
        default:
            tensors[victim] = Tensor(zeros: [9])
            expected = .shape(name: victim, expected: [8], found: [9])
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(
            atPath: fixture.folder + "/transformer/config.json",
            toPath: folder + "/config.json"
        )
        try SafetensorsWriter.write(tensors, to: folder + "/diffusion_pytorch_model.safetensors")
        #expect(throws: expected) { try FluxTransformer(folder: folder) }
    }

    @Test(
        "a configuration that makes no sense is refused",
        arguments: [
            #""axes_dims_rope": [2, 2, 6]"#, #""axes_dims_rope": [8]"#, #""patch_size": 2"#,
            #""num_attention_heads": 0"#, #""_class_name": "QwenImageTransformer2DModel""#,
            #""num_layers": "three""#,
        ]
    )
    func badConfiguration(field: String) throws {
        let path = NSTemporaryDirectory() + "flux-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{\"attention_head_dim\": 8, \(field)}".utf8).write(to: URL(filePath: path))
        #expect(throws: PolicyError.self) { try FluxConfiguration(path: path) }
    }
}
