import Foundation
import Shared

/// What was measured of one case of `policy-trainer bench`.
struct PolicyBenchRecord: Encodable {
    /// The case, such as `flux-double`.
    let name: String
    /// What is done, such as `forward and backward`.
    let work: String
    /// Tokens of a sample; nil where there are none.
    let tokens: Int?
    /// Items of a run; nil where a run has none.
    let items: Int?
    /// How frozen weights are kept.
    let baseWeights: String
    /// Arithmetic of products with them.
    let precision: String
    /// Seconds of a run: the median.
    let seconds: Double
    /// Runs that were timed.
    let runs: Int
    /// Arithmetic of a run, in 10¹² operations.
    let teraOperations: Double
    /// What the instructions of the precision reached right before and after, in 10¹² operations a second.
    let peakTeraOperationsPerSecond: Double
    /// Most memory of the process during the case, in bytes.
    let peakByteCount: Int

    /// 10¹² operations a second.
    var teraOperationsPerSecond: Double { teraOperations / seconds }
    /// The part of the peak that was reached.
    var shareOfPeak: Double { teraOperationsPerSecond / peakTeraOperationsPerSecond }

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case work, tokens, items, precision, seconds, runs
        case baseWeights = "base_weights"
        case teraOperations = "tflop"
        case teraOperationsPerSecond = "tflop_per_second"
        case peakTeraOperationsPerSecond = "peak_tflop_per_second"
        case shareOfPeak = "share_of_peak"
        case itemsPerSecond = "items_per_second"
        case peakByteCount = "peak_resident_bytes"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(work, forKey: .work)
        try container.encodeIfPresent(tokens, forKey: .tokens)
        try container.encodeIfPresent(items, forKey: .items)
        try container.encode(baseWeights, forKey: .baseWeights)
        try container.encode(precision, forKey: .precision)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(runs, forKey: .runs)
        try container.encode(teraOperations, forKey: .teraOperations)
        try container.encode(teraOperationsPerSecond, forKey: .teraOperationsPerSecond)
        try container.encode(peakTeraOperationsPerSecond, forKey: .peakTeraOperationsPerSecond)
        try container.encode(shareOfPeak, forKey: .shareOfPeak)
        try container.encodeIfPresent(items.map { Double($0) / seconds }, forKey: .itemsPerSecond)
        try container.encode(peakByteCount, forKey: .peakByteCount)
    }

    /// The names of ``line``'s columns, as wide as they are.
    static let heading = row(
        "case",
        "work",
        "tokens",
        "weights",
        "precision",
        "seconds",
        "items/s",
        "TFLOP/s",
        "share",
        "memory"
    )

    /// The record for people.
    var line: String {
        Self.row(
            name,
            work,
            tokens.map(String.init) ?? "",
            baseWeights,
            precision,
            Text.decimal(seconds, 3),
            items.map { Text.decimal(Double($0) / seconds, 2) } ?? "",
            Text.decimal(teraOperationsPerSecond, 4),
            "\(Int((100 * shareOfPeak).rounded()))%",
            ByteText.gibibytes(peakByteCount)
        )
    }

    private static func row(_ cells: String...) -> String {
        zip(cells, [14, 22, 8, 8, 10, 10, 10, 9, 6, 10]).map { Text.padded($0, $1) }.joined(separator: " ")
    }
}
