import Foundation
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Weights of Qwen2.5-VL")
struct Qwen25VLWeightsTests {
    /// A copy of the tied model whose tensors a test changes.
    private func folder(
        _ elementType: ElementType = .float32,
        _ change: (inout [String: Tensor]) -> Void
    ) throws -> TemporaryFolder {
        let folder = try Fixture.copy(of: "tied")
        let file = try SafetensorsFile(path: folder.file("model.safetensors"))
        var tensors: [String: Tensor] = [:]
        for name in file.entries.keys {
            tensors[name] = try file.tensor(name)
        }
        change(&tensors)
        try SafetensorsWriter.write(tensors, to: folder.file("model.safetensors"), elementType: elementType)
        return folder
    }

    private func logits(_ folder: String) throws -> [Float] {
        let model = try LanguageVisionModel.load(folder: folder)
        let image = try model.prepare(try Fixture.picture("square.png"))
        let group = PromptGroup(shared: [.image(image)], branches: [[.text("Rate it.")]])
        let state = try model.answerStates(group, cache: nil, isCancelled: { false }).states.branches[0]
        return model.logits(state, tokens: Array(0..<model.information.vocabularySize))
    }

    @Test("the three generations of names hold the same model")
    func generations() throws {
        let published = try logits(Fixture.path("qwen2_5_vl/tied"))
        let nested = try folder { tensors in
            tensors = Dictionary(
                uniqueKeysWithValues: tensors.map { name, tensor in
                    (
                        name.hasPrefix("visual.")
                            ? "model." + name : "model.language_model." + name.dropFirst("model.".count),
                        tensor
                    )
                }
            )
        }
        #expect(try logits(nested.path) == published)
        let base = try folder { tensors in
            tensors = Dictionary(
                uniqueKeysWithValues: tensors.map { name, tensor in
                    (
                        name.hasPrefix("visual.") ? name : "language_model." + name.dropFirst("model.".count),
                        tensor
                    )
                }
            )
        }
        #expect(try logits(base.path) == published)
        #expect(TensorSource.ownName(of: "language_model.lm_head.weight") == "head")
        #expect(TensorSource.ownName(of: "language_model.model.norm.weight") == "text.norm.weight")
        #expect(TensorSource.ownName(of: "model.language_model.norm.weight") == "text.norm.weight")
    }

    @Test("16-bit files are read", arguments: [ElementType.float16, .bfloat16])
    func halves(elementType: ElementType) throws {
        let folder = try folder(elementType) { _ in }
        let found = try logits(folder.path)
        let exact = try logits(Fixture.path("qwen2_5_vl/tied"))
        #expect(Tolerance.relativeDifference(found, exact) < (elementType == .float16 ? 0.02 : 0.1))
        #expect(
            try LanguageVisionModel.load(folder: folder.path).information.weightElementType
                == elementType.rawValue
        )
    }

    @Test("a stored head counts whatever the configuration says, with a warning when that ties it")
    func ownHead() throws {
        let base = try logits(Fixture.path("qwen2_5_vl/tied"))
        let folder = try folder { tensors in
            let embedding = tensors["model.embed_tokens.weight"]
            tensors["lm_head.weight"] = embedding.map { Tensor($0.values.map { -2 * $0 }).reshaped($0.shape) }
        }
        for flag in [true, false] {
            try Fixture.edit(folder.file("config.json")) { object in
                object["tie_word_embeddings"] = flag
                var text = object["text_config"] as? [String: Any] ?? [:]
                text["tie_word_embeddings"] = flag
                object["text_config"] = text
            }
            #expect(try logits(folder.path) == base.map { -2 * $0 })
            let information = try LanguageVisionModel.inspect(.folder(folder.path))
            #expect(!information.tiesEmbeddings && information.warnings.isEmpty == !flag)
        }
    }

    @Test(
        "a tied checkpoint may keep the head alone, and one flag of two is enough to tie",
        arguments: [true, false]
    )
    func headAlone(isInner: Bool) throws {
        let base = try logits(Fixture.path("qwen2_5_vl/tied"))
        let head = try folder { $0["lm_head.weight"] = $0.removeValue(forKey: "model.embed_tokens.weight") }
        let plain = try folder { _ in }
        for folder in [head, plain] {
            try Fixture.edit(folder.file("config.json")) { object in
                object["tie_word_embeddings"] = !isInner
                var text = object["text_config"] as? [String: Any] ?? [:]
                text["tie_word_embeddings"] = isInner
                object["text_config"] = text
            }
            #expect(try logits(folder.path) == base)
            #expect(try LanguageVisionModel.inspect(.folder(folder.path)).tiesEmbeddings)
        }
    }

    @Test("biases of zeros, scales of a cache and tables are skipped; other biases are named")
    func harmlessSurplus() throws {
        let base = try logits(Fixture.path("qwen2_5_vl/tied"))
        let harmless = try folder {
            $0["model.layers.0.mlp.down_proj.bias"] = Tensor(zeros: [64])
            $0["model.layers.0.self_attn.o_proj.bias"] = Tensor(zeros: [64])
            $0["model.layers.0.self_attn.rotary_emb.inv_freq"] = Tensor(zeros: [8])
            $0["visual.rotary_pos_emb.inv_freq"] = Tensor(zeros: [8])
            $0["model.layers.0.self_attn.k_scale"] = Tensor([2])
            $0["model.layers.1.self_attn.v_proj.output_scale"] = Tensor([2])
        }
        #expect(try logits(harmless.path) == base)
        let bias = try folder {
            $0["model.layers.0.mlp.down_proj.bias"] = Tensor([Float](repeating: 0, count: 63) + [1])
        }
        let error = #expect(throws: ModelError.self) { try logits(bias.path) }
        #expect(error?.description.contains("model.layers.0.mlp.down_proj.bias holds numbers other") == true)
        for name in ["model.layers.0.mlp.other.bias", "model.k_scale", "inv_freq"] {
            let unknown = try folder { $0[name] = Tensor(zeros: [64]) }
            #expect(throws: ModelError.self) { try logits(unknown.path) }
        }
    }

    @Test(
        "prefixes that torch.compile and DataParallel leave are taken off",
        arguments: ["_orig_mod.", "module."]
    )
    func wrappers(prefix: String) throws {
        let folder = try folder { tensors in
            tensors = Dictionary(uniqueKeysWithValues: tensors.map { (prefix + $0.key, $0.value) })
        }
        #expect(try logits(folder.path) == logits(Fixture.path("qwen2_5_vl/tied")))
    }

    @Test("an adapter that was saved inside its model is refused as one")
    func unmergedAdapter() throws {
        let folder = try folder {
            $0["model.layers.0.mlp.down_proj.lora_A.default.weight"] = Tensor(zeros: [4, 96])
        }
        #expect(throws: ModelError.adapter(path: folder.path)) { try logits(folder.path) }
    }

    @Test("every missing, surplus and misshapen tensor is named")
    func faults() throws {
        let folder = try folder {
            $0["visual.blocks.1.attn.qkv.bias"] = nil
            $0["model.norm.weight"] = nil
            $0["model.layers.2.mlp.up_proj.weight"] = Tensor(zeros: [90, 64])
            $0["extra"] = Tensor(zeros: [1])
            $0["model.visual.merger.ln_q.weight"] = Tensor(zeros: [32])
            $0["model.layers.0.self_attn.k_proj.weight"] = Tensor(zeros: [64, 32])
        }
        let failure = #expect(throws: ModelError.self) { try LanguageVisionModel.load(folder: folder.path) }
        guard case .tensors(let path, let missing, let surplus, let misshapen) = failure else {
            Issue.record("got \(String(describing: failure))")
            return
        }
        #expect(path == folder.path)
        #expect(missing == ["model.norm.weight", "visual.blocks.1.attn.qkv.bias"])
        #expect(
            surplus.count == 3 && surplus.contains("extra")
                && surplus.contains("model.layers.2.mlp.up_proj.weight")
        )
        #expect(surplus.contains { $0.contains("merger.ln_q.weight (the same tensor as") })
        #expect(misshapen == ["model.layers.0.self_attn.k_proj.weight [64, 32] instead of [32, 64]"])
        let line = try #require(failure).description
        #expect((missing + surplus + misshapen).allSatisfy(line.contains) && !line.contains("\n"))
    }

    @Test("an untied model without a head is refused")
    func missingHead() throws {
        let folder = try Fixture.copy(of: "tied")
        try Fixture.edit(folder.file("config.json")) { object in
            object["tie_word_embeddings"] = false
            var text = object["text_config"] as? [String: Any] ?? [:]
            text["tie_word_embeddings"] = false
            object["text_config"] = text
        }
        #expect(
            throws: ModelError.tensors(
                path: folder.path,
                missing: ["lm_head.weight"],
                surplus: [],
                misshapen: []
            )
        ) {
            try LanguageVisionModel.load(folder: folder.path)
        }
    }

    @Test("a truncated file, a missing shard and a NaN are errors")
    func damaged() throws {
        let short = try Fixture.copy(of: "tied")
        let url = URL(filePath: short.file("model.safetensors"))
        try Data(contentsOf: url).prefix(400_000).write(to: url)
        #expect(throws: WeightError.self) { try LanguageVisionModel.load(folder: short.path) }
        let shards = try Fixture.copy(of: "untied")
        try FileManager.default.removeItem(atPath: shards.file("model-00002-of-00003.safetensors"))
        #expect(throws: WeightError.self) { try LanguageVisionModel.load(folder: shards.path) }
        let spoiled = try folder { $0["model.norm.weight"] = Tensor([Float](repeating: .nan, count: 64)) }
        #expect(throws: WeightError.nonFinite(name: "model.norm.weight")) {
            try LanguageVisionModel.load(folder: spoiled.path)
        }
    }

    @Test("the fingerprint changes with one weight and not with the folder's name")
    func fingerprint() throws {
        let plain = try LanguageVisionModel.load(folder: Fixture.path("qwen2_5_vl/tied")).information
        let copy = try Fixture.copy(of: "tied")
        #expect(try LanguageVisionModel.load(folder: copy.path).information.fingerprint == plain.fingerprint)
        let nearly = try folder { tensors in
            var values = tensors["model.norm.weight"]?.values ?? []
            values[3] += 1
            tensors["model.norm.weight"] = Tensor(values)
        }
        #expect(
            try LanguageVisionModel.load(folder: nearly.path).information.fingerprint != plain.fingerprint
        )
        #expect(plain.parameterCount == 183_160 && plain.name == "tied" && plain.weightElementType == "F32")
    }
}
