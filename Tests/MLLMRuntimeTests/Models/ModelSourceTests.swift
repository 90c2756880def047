import Foundation
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Model folders")
struct ModelSourceTests {
    /// Adds tensors to a copy of a model of one file.
    private func adding(_ names: [String], to kind: String) throws -> TemporaryFolder {
        let folder = try Fixture.copy(of: kind)
        let file = try SafetensorsFile(path: folder.file("model.safetensors"))
        var tensors: [String: Tensor] = [:]
        for name in file.entries.keys {
            tensors[name] = try file.tensor(name)
        }
        for name in names {
            tensors[name] = Tensor(zeros: [1, 4])
        }
        try SafetensorsWriter.write(tensors, to: folder.file("model.safetensors"))
        return folder
    }

    @Test("a folder of every family is inspected without its weights", arguments: Fixture.models)
    func inspect(kind: String) throws {
        let found = try LanguageVisionModel.inspect(.folder(Fixture.modelPath(kind)))
        let model = try LanguageVisionModel.load(.folder(Fixture.modelPath(kind)), checkWeights: true)
        let loaded = model.information
        #expect(found.parameterCount == loaded.parameterCount && found.fingerprint == loaded.fingerprint)
        #expect(kind.hasPrefix(found.family.rawValue) && found.tiesEmbeddings == kind.hasSuffix("/tied"))
        #expect(found.formats.values.reduce(0, +) > 50 && found.formats.count == 1)
        #expect(found.visionParameterCount > 0 && found.visionParameterCount < found.parameterCount)
        #expect(found.weightByteCount > found.parameterCount)
        #expect(found.pairMemory.weightByteCount == 4 * found.parameterCount)
        #expect(found.groupMemory.totalByteCount > found.pairMemory.totalByteCount)
        #expect(found.pairOperations.total > 0)
        #expect(found.specialTokens["<|image_pad|>"] == model.tokenizer.addedToken("<|image_pad|>"))
        #expect(found.chatTemplate == (found.family == .qwen3VL ? "qwen3-vl" : "qwen2-vl"))
    }

    @Test("files of other names do not disturb")
    func extraFiles() throws {
        let folder = try Fixture.copy(of: "qwen2_vl/tied")
        for name in [
            "training_args.bin", "optimizer.pt", "README.md", "adapter_config.json", "trainer_state.json",
        ] {
            try Data("{}".utf8).write(to: URL(filePath: folder.file(name)))
        }
        let extra = try LanguageVisionModel.load(folder: folder.path)
        let plain = try Fixture.model("qwen2_vl/tied")
        #expect(extra.information.fingerprint == plain.information.fingerprint)
    }

    @Test(
        "a reward head is named",
        arguments: [
            ["rm_head.0.weight", "rm_head.2.weight"], ["score.weight"], ["v_head.summary.weight"],
            ["model.reward_head.weight"],
        ]
    )
    func rewardHead(names: [String]) throws {
        let folder = try adding(names, to: "qwen2_vl/tied")
        let failure = #expect(throws: ModelError.rewardHead(path: folder.path, tensors: names)) {
            try LanguageVisionModel.inspect(.folder(folder.path))
        }
        let line = try #require(failure).description
        #expect(
            names.allSatisfy(line.contains) && line.contains("only judges that answer as a language model")
        )
    }

    @Test("an adapter without its model is refused with the way to merge it")
    func adapter() throws {
        let folder = try TemporaryFolder()
        try Data("{}".utf8).write(to: URL(filePath: folder.file("adapter_config.json")))
        let failure = #expect(throws: ModelError.adapter(path: folder.path)) {
            try LanguageVisionModel.load(folder: folder.path)
        }
        #expect(failure?.description.contains("merge_and_unload") == true)
    }

    /// A folder as it is, but with another template.
    private struct Thinking: ModelSource {
        let folder: HuggingFaceFolder

        var name: String { folder.name }

        func configuration() throws -> JSONFields { try folder.configuration() }
        func preprocessing() throws -> JSONFields { try folder.preprocessing() }
        func tokenizer() throws -> Tokenizer { try folder.tokenizer() }
        func chatTemplate() throws -> ChatTemplate { .qwen3VLThinking }
        func weights() throws -> any WeightStore { try folder.weights() }
        func fingerprint() throws -> ContentHash { try folder.fingerprint() }
    }

    @Test("a Thinking model is refused by name")
    func thinking() throws {
        let folder = HuggingFaceFolder(path: Fixture.modelPath("qwen3_vl/tied"))
        let failure = #expect(throws: ModelError.self) { try ModelPlan(Thinking(folder: folder)) }
        #expect(failure?.description.contains("a Thinking model") == true)
    }

    @Test("names that a decoder's part may have are accepted, others refused")
    func decoderTypes() throws {
        for (type, isGood) in [
            ("qwen2_5_vl", true), ("qwen2_5_vl_text", true), ("qwen2", false), ("qwen2_vl_text", false),
        ] {
            let folder = try Fixture.copy(of: "qwen2_5_vl/tied")
            try Fixture.edit(folder.file("config.json")) { object in
                var text = object["text_config"] as? [String: Any] ?? [:]
                text["model_type"] = type
                object["text_config"] = text
            }
            if isGood {
                #expect(throws: Never.self) { try LanguageVisionModel.inspect(.folder(folder.path)) }
            } else {
                let failure = #expect(throws: ModelError.self) {
                    try LanguageVisionModel.inspect(.folder(folder.path))
                }
                #expect(failure?.description.contains("a decoder of type \(type)") == true)
            }
        }
    }

    @Test("a NaN in a weight is found and named")
    func nonFinite() throws {
        let folder = try Fixture.copy(of: "qwen3_vl/tied")
        let file = try SafetensorsFile(path: folder.file("model.safetensors"))
        var tensors: [String: Tensor] = [:]
        for name in file.entries.keys {
            tensors[name] = try file.tensor(name)
        }
        let spoiled = "model.visual.pos_embed.weight"
        var values = try #require(tensors[spoiled]).values
        values[100] = .infinity
        tensors[spoiled] = Tensor(values, shape: [49, values.count / 49])
        try SafetensorsWriter.write(tensors, to: folder.file("model.safetensors"))
        #expect(throws: Never.self) { try LanguageVisionModel.inspect(.folder(folder.path)) }
        for check in [true, false] {
            #expect(throws: WeightError.nonFinite(name: spoiled)) {
                try LanguageVisionModel.load(.folder(folder.path), checkWeights: check)
            }
        }
    }
}
