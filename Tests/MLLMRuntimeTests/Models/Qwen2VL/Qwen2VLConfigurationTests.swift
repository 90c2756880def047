import Testing

@testable import MLLMRuntime

@Suite("Configuration of Qwen2-VL")
struct Qwen2VLConfigurationTests {
    /// The published 7B file after a change.
    private func configuration(
        _ change: (inout [String: Any]) -> Void
    ) throws -> Qwen2VLConfiguration {
        var fields = try #require(PublishedModel.all.first { $0.name == "Qwen2-VL-7B" }).fields
        change(&fields)
        return try Qwen2VLConfiguration(JSONFields(path: "config.json", fields: fields))
    }

    @Test("the nearly empty vision_config of the published 7B has the class's defaults")
    func defaults() throws {
        let found = try configuration {
            $0["vision_config"] = ["in_chans": 3, "model_type": "qwen2_vl", "spatial_patch_size": 14]
        }
        #expect(found.vision.hiddenSize == 1280 && found.vision.blockCount == 32)
        #expect(found.vision.headDimension == 80 && found.vision.intermediateSize == 5120)
        #expect(
            found.vision.patchSize == 14 && found.vision.mergeSize == 2 && found.vision.outputSize == 3584
        )
        #expect(found.text.headDimension == 128 && found.text.traits.hasBias)
    }

    @Test("hidden_size of the tower's part is the decoder's width")
    func widths() throws {
        let failure = #expect(throws: ModelError.self) {
            try configuration { $0["vision_config"] = ["hidden_size": 1536] }
        }
        #expect(failure?.description.contains("vision_config.hidden_size is 1536") == true)
    }

    @Test("a missing theta, another layout of positions and another patch size are refused")
    func refused() throws {
        let theta = #expect(throws: ModelError.self) { try configuration { $0["rope_theta"] = nil } }
        #expect(theta?.description.contains("rope_theta is missing") == true)
        #expect(throws: ModelError.self) {
            try configuration {
                $0["rope_scaling"] =
                    ["mrope_section": [16, 24, 24], "mrope_interleaved": true] as [String: Any]
            }
        }
        #expect(throws: ModelError.self) {
            try configuration { $0["vision_config"] = ["spatial_patch_size": 16] }
        }
        #expect(throws: ModelError.self) { try configuration { $0["head_dim"] = 64 } }
        #expect(throws: ModelError.self) {
            try configuration { $0["vision_config"] = ["hidden_act": "silu"] }
        }
    }
}
