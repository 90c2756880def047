import Foundation

/// Means of one evaluation, over all rows and by kind of edit.
struct EvaluationSummary: Codable, Sendable, Hashable {
    /// Means over some rows; nil where there is nothing to take a mean of.
    struct Means: Codable, Sendable, Hashable {
        /// How many rows.
        var rows: Int
        /// Mean of the judge's scores.
        var judge: Double?
        /// How many rows the judge left without a score.
        var judgeMissing: Int
        /// Mean of the oracle's grades.
        var oracle: Double?
    }

    /// All rows.
    let all: Means
    /// Rows by kind of edit; empty when the dataset does not say.
    let operations: [String: Means]

    /// Takes the means.
    ///
    /// - Parameters:
    ///   - rows: Rows with the judge's scores.
    ///   - oracle: The oracle's grades of the same rows.
    init(_ rows: [(example: EditExample, reward: Double?)], oracle: [Double?]) {
        let items = zip(rows, oracle).map { (operation: $0.example.operation, reward: $0.reward, grade: $1) }
        func means(_ items: [(operation: String?, reward: Double?, grade: Double?)]) -> Means {
            let rewards = items.compactMap(\.reward)
            let grades = items.compactMap(\.grade)
            return Means(
                rows: items.count,
                judge: rewards.isEmpty ? nil : GroupStatistics(rewards).mean,
                judgeMissing: items.count - rewards.count,
                oracle: grades.isEmpty ? nil : GroupStatistics(grades).mean
            )
        }
        all = means(items)
        operations = Dictionary(grouping: items.filter { $0.operation != nil }) { $0.operation ?? "" }
            .mapValues(means)
    }

    /// One line per kind of edit, for people.
    var table: String {
        func line(_ name: String, _ means: Means) -> String {
            Text.padded(name, 12) + Text.padded(String(means.rows), 7)
                + Text.padded(means.judge.map { Text.decimal($0) } ?? "-", 9)
                + (means.oracle.map { Text.decimal($0) } ?? "-")
        }
        let header = Text.padded("", 12) + Text.padded("rows", 7) + Text.padded("judge", 9) + "oracle"
        return
            ([header, line("all", all)] + operations.sorted { $0.key < $1.key }.map { line($0.key, $0.value) })
            .joined(separator: "\n")
    }

    /// One JSON object.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
