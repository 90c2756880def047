import Testing

@testable import MLLMRuntime

/// The configurations of the published models, and what is known of them.
///
/// Source: config.json of the models as quoted in public code; parameter totals of their model cards; arithmetic
/// by the formulas of docs/Models.md. The vision width of the 72B is assumed to be that of the 32B.
struct PublishedModel: Sendable, CustomTestStringConvertible {
    let name: String
    let family: ModelFamily
    /// Width, layers, heads, key heads, feed-forward width, rows of the vocabulary.
    let text: [Int]
    /// Depth, width and feed-forward width of the tower; 0 leaves the feed-forward width to the family.
    let vision: [Int]
    let isTied: Bool
    let parameters: Int
    let visionParameters: Int
    let tensors: Int
    /// Operations of two images, of the decoder, and of both, in units of 10¹².
    let operations: [Double]

    var testDescription: String { name }

    /// Fields as in config.json.
    var fields: [String: Any] {
        let isThird = family == .qwen3VL
        var text: [String: Any] = [
            "hidden_size": self.text[0], "num_hidden_layers": self.text[1],
            "num_attention_heads": self.text[2],
            "num_key_value_heads": self.text[3], "intermediate_size": self.text[4],
            "vocab_size": self.text[5],
            "rms_norm_eps": 1e-6, "rope_theta": isThird ? 5_000_000 : 1_000_000, "hidden_act": "silu",
            "max_position_embeddings": 32_768,
            "rope_scaling": ["type": "mrope", "mrope_section": [16, 24, 24]] as [String: Any],
        ]
        if isThird {
            text["head_dim"] = 128
            text["rope_scaling"] =
                ["rope_type": "default", "mrope_interleaved": true, "mrope_section": [24, 20, 20]]
                as [String: Any]
        }
        var vision: [String: Any] = [:]
        switch family {
        case .qwen2VL: vision = ["in_chans": 3, "spatial_patch_size": 14, "hidden_size": self.text[0]]
        case .qwen25VL:
            vision = [
                "depth": self.vision[0], "hidden_size": self.vision[1], "intermediate_size": self.vision[2],
                "out_hidden_size": self.text[0], "window_size": 112,
                "fullatt_block_indexes": [7, 15, 23, 31],
            ]
        case .qwen3VL:
            vision = [
                "depth": self.vision[0], "hidden_size": self.vision[1], "intermediate_size": self.vision[2],
                "out_hidden_size": self.text[0], "num_position_embeddings": 2304,
                "deepstack_visual_indexes": self.vision[0] == 24 ? [5, 11, 17] : [8, 16, 24],
            ]
        }
        var fields: [String: Any] = isThird ? ["text_config": text] : text
        fields["model_type"] = family.rawValue
        fields["vision_config"] = vision
        fields["tie_word_embeddings"] = isTied
        return fields
    }

    /// The model's configuration.
    func configuration() throws -> any FamilyConfiguration {
        try family.configuration(JSONFields(path: name, fields: fields))
    }

    static let all: [PublishedModel] = [
        .init(
            name: "Qwen2.5-VL-3B",
            family: .qwen25VL,
            text: [2048, 36, 16, 2, 11_008, 151_936],
            vision: [32, 1280, 3420],
            isTied: true,
            parameters: 3_754_622_976,
            visionParameters: 668_684_288,
            tensors: 824,
            operations: [3.41, 4.52, 7.93]
        ),
        .init(
            name: "Qwen2.5-VL-7B",
            family: .qwen25VL,
            text: [3584, 28, 28, 4, 18_944, 152_064],
            vision: [32, 1280, 3420],
            isTied: false,
            parameters: 8_292_166_656,
            visionParameters: 676_550_144,
            tensors: 729,
            operations: [3.42, 10.54, 13.96]
        ),
        .init(
            name: "Qwen2.5-VL-32B",
            family: .qwen25VL,
            text: [5120, 64, 40, 8, 27_648, 152_064],
            vision: [32, 1280, 3456],
            isTied: false,
            parameters: 33_452_718_336,
            visionParameters: 688_841_984,
            tensors: 1161,
            operations: [3.45, 50.22, 53.68]
        ),
        .init(
            name: "Qwen2.5-VL-72B",
            family: .qwen25VL,
            text: [8192, 80, 64, 8, 29_568, 152_064],
            vision: [32, 1280, 3456],
            isTied: false,
            parameters: 73_410_777_344,
            visionParameters: 704_573_696,
            tensors: 1353,
            operations: [3.47, 112.90, 116.37]
        ),
        .init(
            name: "Qwen2-VL-2B",
            family: .qwen2VL,
            text: [1536, 28, 12, 2, 8960, 151_936],
            vision: [32, 1280, 0],
            isTied: true,
            parameters: 2_208_985_600,
            visionParameters: 665_271_296,
            tensors: 729,
            operations: [3.86, 2.15, 6.01]
        ),
        .init(
            name: "Qwen2-VL-7B",
            family: .qwen2VL,
            text: [3584, 28, 28, 4, 18_944, 152_064],
            vision: [32, 1280, 0],
            isTied: false,
            parameters: 8_291_375_616,
            visionParameters: 675_759_104,
            tensors: 730,
            operations: [3.88, 10.54, 14.42]
        ),
        .init(
            name: "Qwen3-VL-2B",
            family: .qwen3VL,
            text: [2048, 28, 16, 8, 6144, 151_936],
            vision: [24, 1024, 4096],
            isTied: true,
            parameters: 2_127_532_032,
            visionParameters: 406_957_056,
            tensors: 625,
            operations: [1.55, 1.92, 3.47]
        ),
        .init(
            name: "Qwen3-VL-4B",
            family: .qwen3VL,
            text: [2560, 36, 32, 8, 9728, 151_936],
            vision: [24, 1024, 4096],
            isTied: true,
            parameters: 4_437_815_808,
            visionParameters: 415_347_712,
            tensors: 713,
            operations: [1.56, 4.94, 6.50]
        ),
        .init(
            name: "Qwen3-VL-8B",
            family: .qwen3VL,
            text: [4096, 36, 32, 8, 12_288, 151_936],
            vision: [27, 1152, 4304],
            isTied: false,
            parameters: 8_767_123_696,
            visionParameters: 576_388_336,
            tensors: 750,
            operations: [2.12, 9.33, 11.44]
        ),
        .init(
            name: "Qwen3-VL-32B",
            family: .qwen3VL,
            text: [5120, 64, 64, 8, 25_600, 151_936],
            vision: [27, 1152, 4304],
            isTied: false,
            parameters: 33_357_390_064,
            visionParameters: 595_266_800,
            tensors: 1058,
            operations: [2.14, 41.78, 43.91]
        ),
    ]
}
