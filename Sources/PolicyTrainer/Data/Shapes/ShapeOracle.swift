import Imaging

/// Grades an edit from pixels alone: whether the asked change happened and whether the rest stayed.
///
/// With `R` the pixels where source and target differ, grown by two pixels:
/// `A = clip(1 − Σ_R |c − t| / Σ_R |s − t|, 0, 1)`, `P = clip(1 − mean_outside |c − t| / 0.06, 0, 1)`,
/// score `= A · (0.25 + 0.75 · P)`. The target gets exactly 1, the unchanged source exactly 0.
/// Only `dataset`, `evaluate` and the demo's report use it; training never does.
struct ShapeOracle: Sendable {
    /// What a candidate got.
    struct Grade: Sendable, Hashable {
        /// How much of the asked change is there, 0 to 1.
        let accomplished: Double
        /// How well the rest was preserved, 0 to 1.
        let preserved: Double

        /// The score, 0 to 1.
        var score: Double { accomplished * (0.25 + 0.75 * preserved) }
    }

    /// Differences of source and target above this are part of the edit, in units of full scale.
    static let changeThreshold = 0.02
    /// The mean difference outside the edit at which nothing counts as preserved, in units of full scale.
    static let preservationScale = 0.06
    /// By how many pixels the region of the edit is grown.
    static let growth = 2

    private let target: PixelImage
    private let region: [Bool]
    private let changeTotal: Int

    /// Prepares the grading of one edit.
    ///
    /// - Parameters:
    ///   - source: The picture before the edit.
    ///   - target: The picture that the instruction asks for, of the same size.
    /// - Throws: ``ShapeDatasetError/sizeMismatch(name:expected:found:)`` when the sizes differ.
    init(source: PixelImage, target: PixelImage) throws(ShapeDatasetError) {
        try ShapeOracle.requireSameSize(source, as: target, name: "source")
        let count = target.width * target.height
        var region = [Bool](repeating: false, count: count)
        for pixel in 0..<count {
            region[pixel] = (0..<3).contains { channel in
                let difference = ShapeOracle.difference(source, target, at: pixel * 3 + channel)
                return Double(difference) / 255 > ShapeOracle.changeThreshold
            }
        }
        for _ in 0..<ShapeOracle.growth {
            region = ShapeOracle.grown(region, width: target.width)
        }
        var total = 0
        for pixel in 0..<count where region[pixel] {
            for channel in 0..<3 {
                total += ShapeOracle.difference(source, target, at: pixel * 3 + channel)
            }
        }
        self.target = target
        self.region = region
        changeTotal = total
    }

    /// Grades one candidate.
    ///
    /// - Parameter candidate: The picture that an editor made, of the target's size.
    /// - Returns: Both parts of the score.
    /// - Throws: ``ShapeDatasetError/sizeMismatch(name:expected:found:)`` when the size differs.
    func grade(_ candidate: PixelImage) throws(ShapeDatasetError) -> Grade {
        try ShapeOracle.requireSameSize(candidate, as: target, name: "candidate")
        var inside = 0
        var outside = 0
        var outsideCount = 0
        for pixel in region.indices {
            var sum = 0
            for channel in 0..<3 {
                sum += ShapeOracle.difference(candidate, target, at: pixel * 3 + channel)
            }
            if region[pixel] {
                inside += sum
            } else {
                outside += sum
                outsideCount += 3
            }
        }
        // Nothing was asked for: doing nothing accomplishes it.
        let accomplished = changeTotal == 0 ? 1 : max(0, 1 - Double(inside) / Double(changeTotal))
        let meanOutside = outsideCount == 0 ? 0 : Double(outside) / Double(outsideCount) / 255
        return Grade(
            accomplished: accomplished,
            preserved: max(0, 1 - meanOutside / ShapeOracle.preservationScale)
        )
    }

    private static func difference(_ first: PixelImage, _ second: PixelImage, at index: Int) -> Int {
        abs(Int(first.pixels[index]) - Int(second.pixels[index]))
    }

    /// Grows a region by one pixel in all eight directions.
    private static func grown(_ region: [Bool], width: Int) -> [Bool] {
        var wide = region
        for pixel in region.indices where region[pixel] {
            let column = pixel % width
            if column > 0 { wide[pixel - 1] = true }
            if column < width - 1 { wide[pixel + 1] = true }
        }
        var result = wide
        for pixel in wide.indices where wide[pixel] {
            if pixel >= width { result[pixel - width] = true }
            if pixel + width < wide.count { result[pixel + width] = true }
        }
        return result
    }

    private static func requireSameSize(
        _ image: PixelImage,
        as target: PixelImage,
        name: String
    ) throws(ShapeDatasetError) {
        guard image.width == target.width, image.height == target.height else {
            throw .sizeMismatch(
                name: name,
                expected: "\(target.width)×\(target.height)",
                found: "\(image.width)×\(image.height)"
            )
        }
    }
}
