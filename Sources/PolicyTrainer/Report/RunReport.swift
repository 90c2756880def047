import Foundation
import Imaging
import Shared

/// What a run did, read from its folder: metrics, evaluations, and the oracle's grades of their pictures.
struct RunReport {
    /// The figures of `summary.json`.
    struct Summary: Codable, Sendable {
        /// Held-out rows before training.
        var before: EvaluationSummary
        /// The same rows after training, with the averaged weights.
        var after: EvaluationSummary
        /// How many epochs the run has.
        var epochs: Int
        /// Groups that were trained on.
        var groupsKept: Int
        /// Groups that the filter dropped.
        var groupsFiltered: Int
        /// Groups that the judges left without scores.
        var groupsMissing: Int
        /// Wall-clock seconds of all rollouts.
        var secondsRollout: Double
        /// Wall-clock seconds of waiting for scores.
        var secondsScoring: Double
        /// Wall-clock seconds of all optimiser steps.
        var secondsTraining: Double
        /// Wall-clock seconds of all evaluations.
        var secondsEvaluation: Double
        /// The run's seed.
        var seed: Int
    }

    /// One evaluation with the oracle's grades.
    private struct Graded {
        let record: EvaluationRecord
        let pictures: [PixelImage]
        let grades: [Double?]
        let summary: EvaluationSummary
    }

    /// The figures.
    let summary: Summary
    private let evaluations: [Graded]
    private let examples: [EditExample]
    private let lines: [[String: Any]]

    /// Reads a run and grades its evaluations.
    ///
    /// - Parameters:
    ///   - run: The run's folder.
    ///   - dataset: The dataset's folder.
    /// - Throws: ``ReportError`` when the run has no two evaluations or another dataset; what its files
    ///   throw.
    init(run: String, dataset: String) throws {
        let examples = try JSONLinesDataset(folder: dataset, split: .test).examples
        let configuration = try TrainerConfiguration(contentsOf: "\(run)/config.yaml")
        evaluations = try EvaluationRecord.readAll(run: run).map { record, pictures in
            guard record.rows.allSatisfy({ examples.indices.contains($0) }) else {
                throw ReportError.otherDataset(run: run, dataset: dataset)
            }
            let rows = record.rows.map { examples[$0] }
            let grades = try OracleGrades.grade(
                zip(rows, pictures).map { ($0, $1) },
                resolution: record.side
            )
            return Graded(
                record: record,
                pictures: pictures,
                grades: grades,
                summary: EvaluationSummary(zip(rows, record.rewards).map { ($0, $1) }, oracle: grades)
            )
        }
        guard let first = evaluations.first, let last = evaluations.last, evaluations.count > 1 else {
            throw ReportError.noEvaluations(run: run)
        }
        self.examples = examples
        let lines = try Metrics.lines(of: "\(run)/metrics.jsonl").map(\.object)
        self.lines = lines
        func total(_ key: String, kind: String = "epoch") -> Double {
            lines.filter { $0["kind"] as? String == kind }.reduce(0) {
                $0 + (($1[key] as? NSNumber)?.doubleValue ?? 0)
            }
        }
        summary = Summary(
            before: first.summary,
            after: last.summary,
            epochs: lines.count { $0["kind"] as? String == "epoch" },
            groupsKept: Int(total("groups_kept")),
            groupsFiltered: Int(total("groups_filtered")),
            groupsMissing: Int(total("groups_missing")),
            secondsRollout: total("seconds_rollout"),
            secondsScoring: total("seconds_scoring"),
            secondsTraining: total("seconds_training"),
            secondsEvaluation: total("seconds", kind: "evaluation"),
            seed: configuration.seed
        )
    }

    /// Writes `before-after.png`, `curves.svg` and `summary.json`.
    ///
    /// - Parameter folder: Where to; made when missing.
    /// - Throws: What the images and the file system throw.
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try pictures().write(to: "\(folder)/before-after.png")
        try AtomicFile.write(Data(LineChart.file(of: charts).utf8), to: "\(folder)/curves.svg")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try AtomicFile.write(try encoder.encode(summary), to: "\(folder)/summary.json")
    }

    /// The figures for people.
    var table: String {
        func line(_ name: String, _ before: Double?, _ after: Double?) -> String {
            let change = before.flatMap { before in after.map { $0 - before } }
            return Text.padded(name, 26) + Text.padded(before.map { Text.decimal($0) } ?? "-", 10)
                + Text.padded(after.map { Text.decimal($0) } ?? "-", 10)
                + (change.map { ($0 < 0 ? "" : "+") + Text.decimal($0) } ?? "")
        }
        let (before, after) = (summary.before, summary.after)
        var lines = [
            Text.padded("held-out rows: \(after.all.rows)", 26) + Text.padded("before", 10)
                + Text.padded("after", 10) + "change",
            line("mean judge reward", before.all.judge, after.all.judge),
            line("mean oracle score", before.all.oracle, after.all.oracle),
        ]
        for name in after.operations.keys.sorted() {
            lines.append(
                line("  oracle, \(name)", before.operations[name]?.oracle, after.operations[name]?.oracle)
            )
        }
        lines.append(
            "epochs \(summary.epochs), groups kept \(summary.groupsKept), filtered \(summary.groupsFiltered), "
                + "without scores \(summary.groupsMissing)"
        )
        lines.append(
            "seconds: rollout \(Text.decimal(summary.secondsRollout, 1)), waiting for scores "
                + "\(Text.decimal(summary.secondsScoring, 1)), training \(Text.decimal(summary.secondsTraining, 1)), "
                + "evaluation \(Text.decimal(summary.secondsEvaluation, 1))"
        )
        return lines.joined(separator: "\n")
    }

    /// Eight rows spread over the evaluation: source, before, after and target.
    private func pictures() throws -> PictureTable {
        guard let first = evaluations.first, let last = evaluations.last else {
            return PictureTable(rows: [])
        }
        let count = min(8, last.record.rows.count)
        // One more than the even spacing visits every kind of edit of a dataset that cycles through them.
        let spacing = last.record.rows.count / max(1, count)
        let stride = (count - 1) * (spacing + 1) < last.record.rows.count ? spacing + 1 : spacing
        var table = PictureTable(rows: [], columns: ["source", "before", "after", "target"])
        for number in 0..<count {
            let index = number * stride
            let example = examples[last.record.rows[index]]
            let side = last.record.side
            func cell(_ graded: Graded) -> PictureTable.Cell {
                let judge = graded.record.rewards[index].map { "judge " + Text.decimal($0, 2) } ?? "no score"
                let oracle = graded.grades[index].map { ", oracle " + Text.decimal($0, 2) } ?? ""
                return PictureTable.Cell(picture: graded.pictures[index], caption: judge + oracle)
            }
            var cells = [
                PictureTable.Cell(
                    picture: try ExampleImage.load(example.image, resolution: side),
                    caption: example.operation ?? ""
                ), cell(first), cell(last),
            ]
            if let target = example.target {
                cells.append(
                    PictureTable.Cell(picture: try ExampleImage.load(target, resolution: side), caption: "")
                )
            }
            table.rows.append(PictureTable.Row(caption: example.instruction, cells: cells))
        }
        return table
    }

    private var charts: [LineChart] {
        func points(_ key: String, kind: String) -> [(x: Double, y: Double)] {
            lines.filter { $0["kind"] as? String == kind }.compactMap { line in
                guard let x = (line["epoch"] as? NSNumber)?.doubleValue,
                    let y = (line[key] as? NSNumber)?.doubleValue
                else { return nil }
                return (x, y)
            }
        }
        func evaluated(_ value: (EvaluationSummary.Means) -> Double?) -> [(x: Double, y: Double)] {
            evaluations.compactMap { graded in
                value(graded.summary.all).map { (Double(graded.record.epoch), $0) }
            }
        }
        let (blue, orange, green) = ("#1f77b4", "#ff7f0e", "#2ca02c")
        return [
            LineChart(
                title: "Held-out rows, averaged weights",
                lines: [
                    .init(name: "judge", color: blue, points: evaluated(\.judge)),
                    .init(name: "oracle", color: green, points: evaluated(\.oracle)),
                ]
            ),
            LineChart(
                title: "Mean reward of the candidates",
                lines: [.init(name: "judge", color: blue, points: points("reward_avg", kind: "epoch"))]
            ),
            LineChart(
                title: "Standard deviation of the rewards",
                lines: [
                    .init(
                        name: "mean of groups",
                        color: orange,
                        points: points("reward_std_mean", kind: "epoch")
                    ),
                    .init(name: "of all", color: blue, points: points("reward_std_global", kind: "epoch")),
                ]
            ),
            LineChart(
                title: "Policy loss",
                lines: [
                    .init(name: "policy_loss", color: orange, points: points("policy_loss", kind: "step"))
                ]
            ),
        ]
    }
}
