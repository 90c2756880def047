import Shared

/// The rows of an evaluation as CSV (RFC 4180): one line a row and way of reading a score.
///
/// Columns: `line,category,prompt,label,score,edit_a,edit_b,difference,error`, then what else rows say, by key; a key
/// with the name of a column before it gets `row.` in front. `edit_b` and `difference` are empty for rows with one
/// edit, all three numbers where an edit has no score: a failure is never a number.
enum EvaluationRowTable {
    /// Writes the table.
    ///
    /// - Parameters:
    ///   - rows: The rows with their answers.
    ///   - judge: Who scored.
    ///   - settings: How scores are read.
    /// - Returns: The lines, each ended by CR LF.
    static func csv(
        _ rows: [EvaluationRun.ScoredRow],
        judge: EvaluationJudge,
        settings: EvaluationReport.Settings
    ) -> String {
        let reader = ScoreReader(rubric: judge.rubric, samples: settings.samples, seed: settings.seed)
        let own = ["line", "category", "prompt", "label", "score", "edit_a", "edit_b", "difference", "error"]
        let extra = Set(rows.flatMap(\.row.extra.keys)).sorted()
        var lines = [own + extra.map { own.contains($0) ? "row." + $0 : $0 }]
        for scored in rows {
            for reading in settings.readings {
                let numbers = scored.answers.map { answer in
                    (try? answer.get()).map { reader.number(of: $0.score, reading, key: $0.key) }
                }
                let messages = scored.answers.compactMap { answer -> String? in
                    if case .failure(let failure) = answer { failure.message } else { nil }
                }
                let difference: Double? =
                    if numbers.count == 2, let a = numbers[0], let b = numbers[1] { a - b } else { nil }
                let columns = [
                    String(scored.row.line), scored.row.category ?? "", scored.row.prompt,
                    text(of: scored.row.label), reading.rawValue,
                    text(of: numbers[0]), numbers.count == 2 ? text(of: numbers[1]) : "",
                    text(of: difference), messages.joined(separator: "; "),
                ]
                lines.append(columns + extra.map { scored.row.extra[$0] ?? "" })
            }
        }
        return lines.map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    private static func text(of label: EvaluationRow.Label) -> String {
        switch label {
        case .rating(let rating): "\(rating)"
        case .ratings(let first, let second): "\(first) \(second)"
        case .preference(let order): order > 0 ? "a" : order < 0 ? "b" : "tie"
        }
    }

    private static func text(of number: Double?) -> String {
        number.map { "\($0)" } ?? ""
    }

    /// A field; quotes around whatever has a comma, a quote or a line break in it.
    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
        return "\"" + field.replacing("\"", with: "\"\"") + "\""
    }
}
