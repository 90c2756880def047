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
    /// Tokens of the decoder, patches of the vision tower, or rows of a product.
    let tokens: Int?
    /// Candidates that were scored.
    let candidates: Int?
    /// Large buffers that the timed runs took from the system; 0 unless a run needs more than the one before them.
    let newBufferCount: Int
    /// Seconds, arithmetic, memory.
    let measured: Measured

    /// Tokens a second.
    var tokensPerSecond: Double? { tokens.map { Double($0) / measured.seconds } }

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case detail, precision, tokens, candidates
        case tokensPerSecond = "tokens_per_second"
        case newBufferCount = "new_buffers"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(detail, forKey: .detail)
        try container.encode(precision, forKey: .precision)
        try container.encodeIfPresent(tokens, forKey: .tokens)
        try container.encodeIfPresent(candidates, forKey: .candidates)
        try container.encodeIfPresent(tokensPerSecond, forKey: .tokensPerSecond)
        try container.encode(newBufferCount, forKey: .newBufferCount)
        try measured.encode(to: encoder)
    }

    /// The names of ``line``'s columns, as wide as they are.
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
            String(format: measured.seconds < 0.1 ? "%.5f" : "%.3f", measured.seconds),
            tokensPerSecond.map { String(format: "%.0f", $0) } ?? "",
            String(format: "%.4f", measured.teraOperationsPerSecond),
            String(format: "%.4f", measured.peakTeraOperationsPerSecond),
            String(format: "%.0f%%", 100 * measured.shareOfPeak),
            ByteText.gibibytes(measured.peakByteCount)
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
