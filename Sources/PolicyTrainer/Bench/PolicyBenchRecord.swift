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
    /// Seconds, arithmetic, memory.
    let measured: Measured

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case work, tokens, items, precision
        case baseWeights = "base_weights"
        case itemsPerSecond = "items_per_second"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(work, forKey: .work)
        try container.encodeIfPresent(tokens, forKey: .tokens)
        try container.encodeIfPresent(items, forKey: .items)
        try container.encode(baseWeights, forKey: .baseWeights)
        try container.encode(precision, forKey: .precision)
        try container.encodeIfPresent(items.map { Double($0) / measured.seconds }, forKey: .itemsPerSecond)
        try measured.encode(to: encoder)
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
            Text.decimal(measured.seconds, 3),
            items.map { Text.decimal(Double($0) / measured.seconds, 2) } ?? "",
            Text.decimal(measured.teraOperationsPerSecond, 4),
            "\(Int((100 * measured.shareOfPeak).rounded()))%",
            ByteText.gibibytes(measured.peakByteCount)
        )
    }

    private static func row(_ cells: String...) -> String {
        zip(cells, [14, 22, 8, 8, 10, 10, 10, 9, 6, 10]).map { Text.padded($0, $1) }.joined(separator: " ")
    }
}
