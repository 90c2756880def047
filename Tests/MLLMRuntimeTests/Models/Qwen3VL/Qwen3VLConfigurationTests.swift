import Imaging
import Testing

@testable import MLLMRuntime

@Suite("Configuration of Qwen3-VL")
struct Qwen3VLConfigurationTests {
    /// The published 4B file after a change of its parts.
    private func configuration(
        text: [String: Any?] = [:],
        vision: [String: Any?] = [:]
    ) throws -> Qwen3VLConfiguration {
        var fields = try #require(PublishedModel.all.first { $0.name == "Qwen3-VL-4B" }).fields
        for (part, changes) in [("text_config", text), ("vision_config", vision)] {
            var inner = try #require(fields[part] as? [String: Any])
            for (name, value) in changes {
                inner[name] = value
            }
            fields[part] = inner
        }
        return try Qwen3VLConfiguration(JSONFields(path: "config.json", fields: fields))
    }

    @Test("heads may be wider than the decoder")
    func heads() throws {
        let found = try configuration()
        #expect(found.text.queryWidth == 4096 && found.text.hiddenSize == 2560)
        #expect(
            found.text.keyWidth == 1024 && !found.text.traits.hasBias && found.text.traits.normalizesHeads
        )
        #expect(found.shapes["text.layers.0.self_attn.q_proj.weight"] == [4096, 2560])
        #expect(found.shapes["text.layers.0.self_attn.o_proj.weight"] == [2560, 4096])
        #expect(try configuration(text: ["head_dim": nil]).text.headDimension == 128)
    }

    @Test("fields that a file leaves out have the class's defaults, but theta does not")
    func defaults() throws {
        let sections: [String: Any] = ["rope_type": "default"]
        #expect(try configuration(text: ["rope_scaling": sections]).text.ropeSections == [24, 20, 20])
        let full = try configuration(vision: [
            "depth": nil, "deepstack_visual_indexes": nil, "patch_size": nil,
            "num_position_embeddings": nil,
        ])
        #expect(full.deepstackBlocks == [8, 16, 24] && full.positionSide == 48)
        #expect(full.vision.blockCount == 27 && full.vision.patchSize == 16)
        let failure = #expect(throws: ModelError.self) { try configuration(text: ["rope_theta": nil]) }
        #expect(failure?.description.contains("rope_theta is missing") == true)
    }

    @Test("decoders of another family, biases and chunked positions are refused by name")
    func refused() throws {
        for (name, value) in [
            ("model_type", "qwen3_vl_moe_text"), ("attention_bias", true), ("hidden_act", "gelu"),
            ("head_dim", 127), ("rope_scaling", ["mrope_interleaved": false]),
        ] as [(String, any Sendable)] {
            #expect(throws: ModelError.self, "\(name)") { try configuration(text: [name: value]) }
        }
        for (name, value) in [
            ("deepstack_visual_indexes", [5, 24]), ("deepstack_visual_indexes", [11, 5]),
            ("num_position_embeddings", 2300), ("out_hidden_size", 2048), ("hidden_act", "gelu"),
        ] as [(String, any Sendable)] {
            #expect(throws: ModelError.self, "\(name)") { try configuration(vision: [name: value]) }
        }
        #expect(try configuration(text: ["model_type": "qwen3_vl_text"]).text.layerCount == 36)
    }

    @Test("a mixture of experts is refused by name")
    func experts() {
        let fields = JSONFields(path: "config.json", fields: ["model_type": "qwen3_vl_moe"])
        let failure = #expect(throws: ModelError.self) { try ModelFamily(fields) }
        #expect(failure?.description.contains("mixture of experts (model type qwen3_vl_moe)") == true)
    }

    @Test("the processor has the family's areas and constants when its file leaves them out")
    func processor() throws {
        let found = try ImageProcessor(
            JSONFields(path: "preprocessor_config.json", fields: [:]),
            vision: try configuration().vision,
            defaults: Qwen3VLConfiguration.imageDefaults
        )
        #expect(found.minimumPixels == 65_536 && found.maximumPixels == 16_777_216)
        #expect(found.normalization.mean == [0.5, 0.5, 0.5] && found.patchSize == 16)
        for (height, width, newHeight, newWidth) in [
            (512, 512, 512, 512), (1080, 1920, 1088, 1920), (4000, 6000, 3328, 4992), (70, 70, 256, 256),
            (98, 126, 256, 320), (10, 100, 96, 832), (10, 1000, 32, 2560),
        ] {
            let plan = try found.plan(width: width, height: height)
            #expect(plan.width == newWidth && plan.height == newHeight, "\(height) × \(width)")
        }
    }
}
