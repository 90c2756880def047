internal import Foundation

/// One line of docs/Parity.md: what a test measured against a reference.
///
/// `ParityRecord.write(…)` appends a JSON line to a file in the folder that `EDIT_R1_PARITY_RESULTS` names;
/// without that variable it does nothing. scripts/parity/table.py makes the table of these files.
public enum ParityRecord {
    private struct Line: Encodable {
        let family: String
        let format: String
        let check: String
        let difference: Double
        let limit: Double
        let unit: String
        let cases: Int
        let reference: String
    }

    /// Notes the largest difference of a check.
    ///
    /// - Parameters:
    ///   - family: What was checked: a model family such as `qwen3_vl`, or `any`.
    ///   - format: How the weights, files or texts were stored, for example `F32`, `Q4_K` or `png`.
    ///   - check: The step, for example `logits` or `vision tower`.
    ///   - difference: The largest difference.
    ///   - limit: The largest difference that the test accepts.
    ///   - unit: What the difference counts: `absolute`, `relative`, `levels`, or what differs, such as `strings`.
    ///   - cases: How many cases were compared.
    ///   - reference: The library and version compared with, for example `transformers 5.23.0`.
    /// - Throws: What the file system says when the folder cannot be written.
    public static func write(
        family: String,
        format: String,
        check: String,
        difference: Double,
        limit: Double,
        unit: String = "absolute",
        cases: Int = 1,
        reference: String
    ) throws {
        guard let folder = ProcessInfo.processInfo.environment["EDIT_R1_PARITY_RESULTS"] else { return }
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        let line = Line(
            family: family,
            format: format,
            check: check,
            difference: difference,
            limit: limit,
            unit: unit,
            cases: cases,
            reference: reference
        )
        // A file of its own for every call: tests of several processes write at the same time.
        let path = URL(filePath: folder).appendingPathComponent("test-\(UUID().uuidString).jsonl")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try (encoder.encode(line) + Data("\n".utf8)).write(to: path)
    }
}
