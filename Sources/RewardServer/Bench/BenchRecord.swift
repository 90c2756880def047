import Foundation
import Shared

/// What was measured of one case.
struct BenchRecord: Encodable {
    /// The case, such as `prefill`.
    let name: String
    /// What exactly was worked on, such as `512 tokens`.
    let detail: String
    /// Number formats of the arithmetic, such as `f32`.
    let precision: String
    /// Seconds of a run: the median.
    let seconds: Double
    /// Runs that were timed.
    let runs: Int
    /// Tokens of the decoder, patches of the vision tower, or rows of a product.
    let tokens: Int?
    /// Candidates that were scored.
    let candidates: Int?
    /// Arithmetic of a run, in 10¹² operations.
    let teraOperations: Double
    /// 10¹² operations a second.
    let teraOperationsPerSecond: Double
    /// What the instructions of the precision reached right before and after, in 10¹² operations a second.
    let peakTeraOperationsPerSecond: Double
    /// Most memory of the process during the case, in bytes.
    let peakByteCount: Int

    /// Tokens a second.
    var tokensPerSecond: Double? { tokens.map { Double($0) / seconds } }
    /// The part of the peak that was reached.
    var shareOfPeak: Double { teraOperationsPerSecond / peakTeraOperationsPerSecond }

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case detail, precision, seconds, runs, tokens, candidates
        case teraOperations = "tflop"
        case teraOperationsPerSecond = "tflop_per_second"
        case peakTeraOperationsPerSecond = "peak_tflop_per_second"
        case peakByteCount = "peak_resident_bytes"
        case tokensPerSecond = "tokens_per_second"
        case shareOfPeak = "share_of_peak"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(detail, forKey: .detail)
        try container.encode(precision, forKey: .precision)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(runs, forKey: .runs)
        try container.encodeIfPresent(tokens, forKey: .tokens)
        try container.encodeIfPresent(candidates, forKey: .candidates)
        try container.encode(teraOperations, forKey: .teraOperations)
        try container.encode(teraOperationsPerSecond, forKey: .teraOperationsPerSecond)
        try container.encode(peakTeraOperationsPerSecond, forKey: .peakTeraOperationsPerSecond)
        try container.encode(peakByteCount, forKey: .peakByteCount)
        try container.encodeIfPresent(tokensPerSecond, forKey: .tokensPerSecond)
        try container.encode(shareOfPeak, forKey: .shareOfPeak)
    }

    /// The names of ``columns``, as wide as they are.
    static let heading = row(
        "case",
        "of",
        "precision",
        "seconds",
        "tokens/s",
        "TFLOP/s",
        "peak",
        "share",
        "memory"
    )

    /// The record for people.
    var line: String {
        Self.row(
            name,
            detail,
            precision,
            String(format: seconds < 0.1 ? "%.5f" : "%.3f", seconds),
            tokensPerSecond.map { String(format: "%.0f", $0) } ?? "",
            String(format: "%.4f", teraOperationsPerSecond),
            String(format: "%.4f", peakTeraOperationsPerSecond),
            String(format: "%.0f%%", 100 * shareOfPeak),
            ByteText.gibibytes(peakByteCount)
        )
    }

    private static func row(_ cells: String...) -> String {
        let widths = [14, 44, 10, 10, 10, 10, 10, 7, 10]
        return zip(cells, widths).enumerated().map { index, cell in
            let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return index < 3 ? cell.0 + space : space + cell.0
        }.joined(separator: " ")
    }
}
