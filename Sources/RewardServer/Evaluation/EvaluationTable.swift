import Foundation
import Shared

/// The report for people.
struct EvaluationTable {
    /// Failures that are listed; the rest is counted.
    private static let listedFailures = 10

    /// The lines of the report.
    let lines: [String]

    /// Lays a report out.
    ///
    /// - Parameter report: The report.
    init(_ report: EvaluationReport) {
        var lines = [
            "model \(report.model), rubric \(report.rubric.name): "
                + "\(report.scoredCount) of \(report.rowCount) rows scored"
        ]
        for failure in report.failures.prefix(Self.listedFailures) {
            lines.append(" error  line \(failure.line), \(failure.image): \(failure.message)")
        }
        if report.failures.count > Self.listedFailures {
            lines.append(
                " error  and \(report.failures.count - Self.listedFailures) more, see the report's file"
            )
        }
        for reading in report.readings {
            lines += ["", Self.title(of: reading)]
            let sections = [reading.overall] + reading.categories
            let width = sections.map { ($0.category ?? "all").count }.max() ?? 0
            let names = sections.map { Self.padded($0.category ?? "all", width) }
            if sections.contains(where: { $0.ratings != nil }) {
                lines.append(" \(Self.padded("", width))  ratings  spearman  kendall  pearson   error")
                for (name, section) in zip(names, sections) {
                    guard let ratings = section.ratings else { continue }
                    lines.append(
                        " \(name)  \(Self.whole(ratings.count, 7))  \(Self.number(ratings.spearman, 8))  "
                            + "\(Self.number(ratings.kendall, 7))  \(Self.number(ratings.pearson, 7))  "
                            + Self.number(ratings.meanAbsoluteError, 6)
                    )
                }
            }
            if sections.contains(where: { $0.pairs != nil }) {
                lines.append(
                    " \(Self.padded("", width))    pairs    strict  tolerant   tie up to  rankings right"
                )
                for (name, section) in zip(names, sections) {
                    guard let pairs = section.pairs else { continue }
                    let rankings =
                        pairs.rankings.count == 0 ? "–" : "\(pairs.rankings.right) of \(pairs.rankings.count)"
                    lines.append(
                        " \(name)  \(Self.whole(pairs.agreement.count, 7))  "
                            + "\(Self.number(pairs.agreement.strict, 8))  "
                            + "\(Self.number(pairs.agreement.tolerant, 8))  "
                            + "\(Self.number(pairs.agreement.threshold, 10))  \(rankings)"
                    )
                }
            }
            lines += Self.calibration(reading.overall, scale: report.labelScale)
        }
        self.lines = lines
    }

    private static func title(of reading: EvaluationReport.Reading) -> String {
        switch reading.score {
        case .expected: "score: expected value"
        case .argmax: "score: most probable label"
        case .sampled: "score: mean of \(reading.samples ?? 1) drawn label(s), seed \(reading.seed ?? 0)"
        }
    }

    private static func calibration(_ section: AgreementSection, scale: [Double]?) -> [String] {
        var lines: [String] = []
        if section.ratings != nil, scale == nil {
            lines.append(
                " no calibration: the ratings do not show their scale; give it with --label-scale LOW:HIGH"
            )
        }
        if let table = section.ratings?.calibration, let low = scale?.first, let high = scale?.last {
            lines.append(" calibration (ratings of \(plain(low)) to \(plain(high)) as 0 to 1)")
            lines.append("       score      n  mean score  mean rating")
            for bin in table.bins where bin.count > 0 {
                lines.append(
                    "  \(number(bin.lower, 4, digits: 1)) – \(number(bin.upper, 3, digits: 1))"
                        + "  \(whole(bin.count, 5))  \(number(bin.meanScore, 10))  \(number(bin.meanLabel, 11))"
                )
            }
            lines.append(" expected calibration error \(number(table.error, 5))")
        }
        if let pairs = section.pairs {
            lines.append(" right orders by the difference of the scores")
            for bin in pairs.byDifference.bins where bin.count > 0 {
                lines.append(
                    "  \(number(bin.lower, 4, digits: 2)) – \(number(bin.upper, 4, digits: 2))"
                        + "  \(whole(bin.count, 5))  \(number(bin.meanLabel, 6))"
                )
            }
        }
        return lines
    }

    /// A number as short as it can be written.
    static func plain(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e9 ? String(Int(value)) : String(value)
    }

    private static func number(_ value: Double?, _ width: Int, digits: Int = 3) -> String {
        left(value.map { String(format: "%.\(digits)f", $0) } ?? "–", width)
    }

    private static func whole(_ value: Int, _ width: Int) -> String {
        left(String(value), width)
    }

    private static func left(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
