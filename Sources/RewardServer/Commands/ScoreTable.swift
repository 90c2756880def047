import Foundation
import Shared

/// The table that `score` prints.
struct ScoreTable {
    private static let bars = Array("▁▂▃▄▅▆▇█")

    /// The lines of the table.
    let lines: [String]

    /// Lays a table out.
    ///
    /// - Parameter answer: The rows.
    init(_ answer: ShellAnswer) {
        let scores = answer.rows.compactMap(\.outcome.score)
        let labels = Self.sorted(Array((scores.first?.probabilities ?? [:]).keys))
        let title = Self.title(of: labels)
        let width = max(title.count, labels.count)
        var lines: [String] = []
        if !answer.model.isEmpty { lines += ["model \(answer.model), rubric \(answer.rubric)", ""] }
        lines.append(" score  rating  \(Self.padded(title, width))   mass  image")
        for row in answer.rows {
            switch row.outcome {
            case .score(let score):
                let bar = Self.padded(Self.bar(score.probabilities ?? [:], labels: labels), width)
                let warning = score.warnings.isEmpty ? "" : "  (\(score.warnings.joined(separator: ", ")))"
                lines.append(
                    " \(Self.number(score.score, 3))  \(Self.number(score.raw, 2, width: 6))  \(bar)  "
                        + "\(score.mass.map { Self.number($0, 3) } ?? "    -")  \(row.image)\(warning)"
                )
            case .failure(let failure):
                lines.append(" error  \(row.image): \(Self.without(row.image, failure.message))")
            }
        }
        let items = answer.rows.enumerated().map { EditScoreItem(id: "", index: $0, outcome: $1.outcome) }
        let group = GroupSummary(items)
        if group.count > 1, let mean = group.mean, let deviation = group.standardDeviation {
            lines += [
                "",
                " mean \(Self.number(mean, 3)), standard deviation \(Self.number(deviation, 3)), "
                    + "\(group.scored) of \(group.count) scored",
            ]
        }
        self.lines = lines
    }

    /// Labels by their numbers where all are numbers, otherwise by their letters.
    static func sorted(_ labels: [String]) -> [String] {
        let numbers = labels.compactMap { label in Double(label).map { (number: $0, label: label) } }
        guard numbers.count == labels.count else { return labels.sorted() }
        return numbers.sorted { $0.number < $1.number }.map(\.label)
    }

    private static func bar(_ probabilities: [String: Double], labels: [String]) -> String {
        String(
            labels.map { label in
                bars[min(bars.count - 1, Int((probabilities[label] ?? 0) * Double(bars.count)))]
            }
        )
    }

    /// `0    5` over the bars of a scale from 0 to 5.
    private static func title(of labels: [String]) -> String {
        guard let first = labels.first, let last = labels.last else { return "" }
        let gap = max(1, labels.count - first.count - last.count)
        return first + String(repeating: " ", count: gap) + last
    }

    private static func number(_ value: Double, _ digits: Int, width: Int = 5) -> String {
        let text = String(format: "%.\(digits)f", value)
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func without(_ path: String, _ message: String) -> String {
        message.hasPrefix(path + ": ") ? String(message.dropFirst(path.count + 2)) : message
    }
}
