import Shared

/// What a family's folder gives to the rest of the runtime.
protocol FamilyConfiguration: Sendable {
    /// What the image processor does when the model's file does not say.
    static var imageDefaults: ImageProcessor.Defaults { get }

    /// Sizes of the decoder.
    var text: DecoderConfiguration { get }
    /// Sizes of the vision tower.
    var vision: VisionConfiguration { get }
    /// Whether the configuration ties the output head to the embedding matrix, and the tokens that stand for images.
    var tokens: TokenConfiguration { get }
    /// Name and shape of every tensor of the vision tower, by the names of ``TensorSource``.
    var visionShapes: [String: [Int]] { get }
    /// How many extra levels of features an image has for the first layers of the decoder.
    var deepstackLevelCount: Int { get }

    /// Reads the vision tower.
    func tower(_ source: TensorSource) throws -> any VisionTower

    /// Rows that a block's patches attend to, summed over all blocks and patches of one image.
    ///
    /// - Parameters:
    ///   - rows: Rows of patches.
    ///   - columns: Columns of patches.
    /// - Returns: Pairs of patches.
    func attendedRows(rows: Int, columns: Int) -> Double
}

extension FamilyConfiguration {
    /// Name and shape of every tensor of the model but an own head.
    var shapes: [String: [Int]] {
        visionShapes.merging(text.shapes) { first, _ in first }
    }
}
