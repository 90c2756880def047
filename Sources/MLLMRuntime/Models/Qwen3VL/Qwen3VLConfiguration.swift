import Shared

/// The sizes and constants of a dense Qwen3-VL model, as its config.json gives them.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen3_vl/configuration_qwen3_vl.py`.
struct Qwen3VLConfiguration: FamilyConfiguration, Equatable {
    static let imageDefaults = ImageProcessor.Defaults.qwen3VL

    let text: DecoderConfiguration
    let vision: VisionConfiguration
    let tokens: TokenConfiguration
    /// Side of the square table of learned positions.
    let positionSide: Int
    /// Blocks whose output becomes a level of features of its own, lowest first.
    let deepstackBlocks: [Int]

    var deepstackLevelCount: Int { deepstackBlocks.count }

    /// Reads and checks the fields.
    ///
    /// - Parameter fields: The fields of config.json.
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    init(_ fields: JSONFields) throws(ModelError) {
        text = try DecoderConfiguration(fields, family: .qwen3VL, traits: .qwen3VL)
        guard let visionFields = try fields.object("vision_config") else {
            throw fields.failure("vision_config", "is missing")
        }
        vision = try VisionConfiguration(
            visionFields,
            keys: VisionConfiguration.Keys(
                hiddenSize: "hidden_size",
                defaultHiddenSize: 1152,
                outputSize: "out_hidden_size",
                defaultBlockCount: 27,
                defaultPatchSize: 16,
                activation: "gelu_pytorch_tanh"
            ),
            decoderWidth: text.hiddenSize
        ) { _ throws(ModelError) in
            try visionFields.integer("intermediate_size", in: 1...1_048_576, fallback: 4304)
        }
        tokens = try TokenConfiguration(fields, vocabularySize: text.vocabularySize)
        let places = try visionFields.integer("num_position_embeddings", in: 1...1_000_000, fallback: 2304)
        positionSide = Int(Double(places).squareRoot())
        guard positionSide * positionSide == places else {
            throw visionFields.failure("num_position_embeddings", "is \(places), not a square number")
        }
        deepstackBlocks =
            visionFields.has("deepstack_visual_indexes")
            ? try visionFields.integers("deepstack_visual_indexes") : [8, 16, 24]
        let (blocks, blockCount) = (deepstackBlocks, vision.blockCount)
        guard blocks.allSatisfy({ (0..<blockCount).contains($0) }),
            zip(blocks, blocks.dropFirst()).allSatisfy({ $0 < $1 }), blocks.count <= text.layerCount
        else {
            throw visionFields.failure(
                "deepstack_visual_indexes",
                "is \(blocks), not rising numbers of \(blockCount) blocks, at most one for each of "
                    + "\(text.layerCount) layers"
            )
        }
    }

    func attendedRows(rows: Int, columns: Int) -> Double {
        let patches = Double(rows * columns)
        return Double(vision.blockCount) * patches * patches
    }
}
