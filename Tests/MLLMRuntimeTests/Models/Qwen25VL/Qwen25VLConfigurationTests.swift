import Foundation
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Configuration of Qwen2.5-VL")
struct Qwen25VLConfigurationTests {
    /// The tied model's configuration after a change, which may reach into `text_config` and `vision_config`.
    private func configuration(
        _ kind: String = "tied",
        _ change: (inout [String: Any]) -> Void
    ) throws -> Qwen25VLConfiguration {
        let folder = try Fixture.copy(of: kind)
        try Fixture.edit(folder.file("config.json"), change)
        return try Qwen25VLConfiguration(try JSONFields(path: folder.file("config.json")))
    }

    private func set(_ object: inout [String: Any], _ part: String, _ name: String, _ value: Any?) {
        var inner = object[part] as? [String: Any] ?? [:]
        inner[name] = value
        object[part] = inner
    }

    @Test("nested and flat files are read alike")
    func layouts() throws {
        let nested = try configuration("tied") { _ in }
        #expect(
            nested.text.hiddenSize == 64 && nested.text.headDimension == 16 && nested.text.ropeTheta == 1e6
        )
        #expect(nested.text.ropeSections == [2, 3, 3] && nested.fullAttentionBlocks == [1])
        #expect(nested.windowCells == 4 && nested.vision.patchLength == 1176)
        let flat = try configuration("untied") { _ in }
        #expect(flat.text.hiddenSize == 72 && flat.text.ropeTheta == 20 && flat.text.normEpsilon == 1e-5)
        #expect(
            flat.windowCells == 3 && flat.fullAttentionBlocks == [0, 2] && !flat.tokens.tiesEmbeddings
        )
    }

    @Test(
        "the published 7B file is read",
        .enabled(
            if: Fixture.publishedTokenizer.map { FileManager.default.fileExists(atPath: $0 + "/config.json") }
                ?? false
        )
    )
    func published() throws {
        let folder = try #require(Fixture.publishedTokenizer)
        let found = try Qwen25VLConfiguration(try JSONFields(path: folder + "/config.json"))
        #expect(
            found.text.layerCount == 28 && found.text.headDimension == 128 && !found.tokens.tiesEmbeddings
        )
        let shapes = found.shapes
        #expect(shapes.count == 729)
        #expect(shapes.values.reduce(0) { $0 + $1.reduce(1, *) } == 8_292_166_656)
    }

    @Test("the tie flag counts in either place", arguments: [true, false])
    func tie(outer: Bool) throws {
        let found = try configuration { object in
            object["tie_word_embeddings"] = outer
            set(&object, "text_config", "tie_word_embeddings", !outer)
        }
        #expect(found.tokens.tiesEmbeddings)
        let none = try configuration { object in
            object["tie_word_embeddings"] = nil
            set(&object, "text_config", "tie_word_embeddings", false)
        }
        #expect(!none.tokens.tiesEmbeddings)
    }

    @Test("vision values that a file leaves out have the class's defaults")
    func defaults() throws {
        let found = try configuration { object in
            for name in [
                "patch_size", "window_size", "spatial_merge_size", "temporal_patch_size", "in_channels",
            ] {
                set(&object, "vision_config", name, nil)
            }
        }
        #expect(found.vision.patchSize == 14 && found.windowCells == 4 && found.vision.mergeSize == 2)
    }

    @Test(
        "a field that makes no sense is named",
        arguments: [
            ("text_config", "num_attention_heads", 5), ("text_config", "num_key_value_heads", 3),
            ("text_config", "hidden_size", 0), ("text_config", "num_hidden_layers", -1),
            ("vision_config", "num_heads", 3), ("vision_config", "in_channels", 4),
            ("vision_config", "out_hidden_size", 65), ("vision_config", "window_size", 20),
            ("vision_config", "depth", 1 << 40),
        ]
    )
    func nonsense(part: String, name: String, value: Int) throws {
        let failure = #expect(throws: ModelError.self) {
            try configuration { set(&$0, part, name, value) }
        }
        #expect(failure?.description.contains(part + "." + name) == true, "\(String(describing: failure))")
    }

    @Test(
        "a missing required field is named",
        arguments: ["hidden_size", "vocab_size", "num_key_value_heads", "rope_parameters"]
    )
    func missing(name: String) throws {
        let failure = #expect(throws: ModelError.self) {
            try configuration { set(&$0, "text_config", name, nil) }
        }
        #expect(failure?.description.contains("is missing") == true)
    }

    @Test("rotary embeddings without theta, with wrong sections, or of another type are refused")
    func rope() throws {
        let theta = #expect(throws: ModelError.self) {
            try configuration { set(&$0, "text_config", "rope_parameters", ["mrope_section": [2, 3, 3]]) }
        }
        #expect(theta?.description.contains("rope_theta is missing") == true)
        let sections = #expect(throws: ModelError.self) {
            try configuration {
                set(&$0, "text_config", "rope_parameters", ["rope_theta": 1e6, "mrope_section": [2, 3, 4]])
            }
        }
        #expect(sections?.description.contains("mrope_section") == true)
        let scaled = #expect(throws: ModelError.self) {
            try configuration {
                set(
                    &$0,
                    "text_config",
                    "rope_parameters",
                    ["rope_theta": 1e6, "mrope_section": [2, 3, 3], "rope_type": "yarn"]
                )
            }
        }
        #expect(scaled?.description.contains("yarn") == true && scaled?.description.contains("mrope") == true)
        // A scaling that stands beside rope_parameters under the older name counts, as in transformers.
        let beside = #expect(throws: ModelError.self) {
            try configuration {
                set(
                    &$0,
                    "text_config",
                    "rope_scaling",
                    ["type": "yarn", "mrope_section": [2, 3, 3], "factor": 4]
                )
            }
        }
        #expect(beside?.description.contains("yarn") == true)
        let infinite = #expect(throws: ModelError.self) {
            try configuration {
                set(
                    &$0,
                    "text_config",
                    "rope_parameters",
                    ["rope_theta": "Infinity", "mrope_section": [2, 3, 3]]
                )
            }
        }
        #expect(infinite?.description.contains("rope_theta is Infinity, not a number") == true)
    }

    @Test("other families, activations and sliding windows are refused")
    func unsupported() throws {
        let folder = try Fixture.copy(of: "tied")
        try Fixture.edit(folder.file("config.json")) { $0["model_type"] = "llava" }
        #expect(
            throws: ModelError.unsupported(path: folder.file("config.json"), feature: "a model of type llava")
        ) {
            try LanguageVisionModel.load(folder: folder.path)
        }
        #expect(throws: ModelError.self) {
            try configuration { set(&$0, "text_config", "hidden_act", "gelu") }
        }
        #expect(throws: ModelError.self) {
            try configuration { set(&$0, "text_config", "use_sliding_window", true) }
        }
        try Data("not json".utf8).write(to: URL(filePath: folder.file("config.json")))
        #expect(
            throws: ModelError.malformed(path: folder.file("config.json"), reason: "it is not a JSON object")
        ) {
            try LanguageVisionModel.load(folder: folder.path)
        }
        try FileManager.default.removeItem(atPath: folder.file("config.json"))
        #expect(throws: ModelError.missingFile(path: folder.file("config.json"))) {
            try LanguageVisionModel.load(folder: folder.path)
        }
    }
}
