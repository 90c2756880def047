import Shared

/// The sizes and constants of a Qwen2.5-VL model, as its config.json gives them.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen2_5_vl/configuration_qwen2_5_vl.py`.
struct Qwen25VLConfiguration: FamilyConfiguration, Equatable {
    static let imageDefaults = ImageProcessor.Defaults.qwen25VL

    let text: DecoderConfiguration
    let vision: VisionConfiguration
    let tokens: TokenConfiguration
    /// Side of a window in merged cells.
    let windowCells: Int
    /// Blocks that attend over the whole image.
    let fullAttentionBlocks: Set<Int>

    var deepstackLevelCount: Int { 0 }

    /// Reads and checks the fields; flat and nested files are alike.
    ///
    /// - Parameter fields: The fields of config.json.
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    init(_ fields: JSONFields) throws(ModelError) {
        text = try DecoderConfiguration(fields, family: .qwen25VL, traits: .qwen25VL)
        guard let visionFields = try fields.object("vision_config") else {
            throw fields.failure("vision_config", "is missing")
        }
        vision = try VisionConfiguration(
            visionFields,
            keys: VisionConfiguration.Keys(
                hiddenSize: "hidden_size",
                defaultHiddenSize: nil,
                outputSize: "out_hidden_size",
                defaultBlockCount: 32,
                defaultPatchSize: 14,
                activation: "silu"
            ),
            decoderWidth: text.hiddenSize
        ) { _ throws(ModelError) in
            try visionFields.integer("intermediate_size", in: 1...1_048_576, fallback: 3420)
        }
        tokens = try TokenConfiguration(fields, vocabularySize: text.vocabularySize)
        let full =
            visionFields.has("fullatt_block_indexes")
            ? try visionFields.integers("fullatt_block_indexes") : [7, 15, 23, 31]
        let blockCount = vision.blockCount
        guard full.allSatisfy({ (0..<blockCount).contains($0) }) else {
            throw visionFields.failure(
                "fullatt_block_indexes",
                "is \(full), but there are \(blockCount) blocks"
            )
        }
        fullAttentionBlocks = Set(full)
        let windowSize = try visionFields.integer("window_size", in: 1...65_536, fallback: 112)
        windowCells = windowSize / vision.mergeSize / vision.patchSize
        guard windowCells > 0 else {
            throw visionFields.failure(
                "window_size",
                "is \(windowSize), less than a cell of \(vision.patchSize * vision.mergeSize) pixels"
            )
        }
    }

    func attendedRows(rows: Int, columns: Int) -> Double {
        let windows = Qwen25VLWindows(
            grids: [(rows / vision.mergeSize, columns / vision.mergeSize)],
            windowCells: windowCells,
            patchesPerCell: vision.patchesPerCell
        )
        func pairs(_ segments: [Range<Int>]) -> Double {
            segments.reduce(0) { $0 + Double($1.count) * Double($1.count) }
        }
        let full = fullAttentionBlocks.count
        return Double(full) * pairs(windows.images) + Double(vision.blockCount - full)
            * pairs(windows.windows)
    }
}
