import Shared

/// The sizes and constants of a Qwen2-VL model, as its config.json gives them.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen2_vl/configuration_qwen2_vl.py`.
struct Qwen2VLConfiguration: FamilyConfiguration, Equatable {
    static let imageDefaults = ImageProcessor.Defaults.qwen2VL

    let text: DecoderConfiguration
    let vision: VisionConfiguration
    let tokens: TokenConfiguration

    var deepstackLevelCount: Int { 0 }

    /// Reads and checks the fields; flat and nested files are alike.
    ///
    /// Published files leave nearly all of `vision_config` to the defaults.
    ///
    /// - Parameter fields: The fields of config.json.
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    init(_ fields: JSONFields) throws(ModelError) {
        text = try DecoderConfiguration(fields, family: .qwen2VL, traits: .qwen2VL)
        guard let visionFields = try fields.object("vision_config") else {
            throw fields.failure("vision_config", "is missing")
        }
        vision = try VisionConfiguration(
            visionFields,
            keys: VisionConfiguration.Keys(
                hiddenSize: "embed_dim",
                defaultHiddenSize: 1280,
                outputSize: "hidden_size",
                defaultBlockCount: 32,
                defaultPatchSize: 14,
                activation: "quick_gelu"
            ),
            decoderWidth: text.hiddenSize
        ) { width throws(ModelError) in
            Int(Double(width) * (try visionFields.number("mlp_ratio", in: 0.01...64, fallback: 4)))
        }
        tokens = try TokenConfiguration(fields, vocabularySize: text.vocabularySize)
    }

    func attendedRows(rows: Int, columns: Int) -> Double {
        let patches = Double(rows * columns)
        return Double(vision.blockCount) * patches * patches
    }
}
