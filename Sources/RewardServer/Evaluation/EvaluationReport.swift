import Foundation
import Shared

/// What an evaluation found: the object of `--json` and of the report's file.
struct EvaluationReport: Encodable {
    /// The file of rows.
    let pairs: String
    /// The model's name.
    let model: String
    /// The identity of the model's files.
    let modelFingerprint: String
    /// The rubric.
    let rubric: RubricIdentity
    /// Rows in the file.
    let rowCount: Int
    /// Rows with a score for every edit; only they take part in what follows.
    let scoredCount: Int
    /// The lowest and the highest rating that can be given; `nil` when neither option nor rows say so.
    let labelScale: [Double]?
    /// What a reader should know about the labels.
    let warnings: [String]
    /// What could not be scored.
    let failures: [Failure]
    /// The agreement, for every way of reading a score.
    let readings: [Reading]

    /// An edit without a score.
    struct Failure: Encodable {
        /// The row's line.
        let line: Int
        /// The edit's path.
        let image: String
        /// Why.
        let message: String
    }

    /// The agreement under one way of reading a score.
    struct Reading: Encodable {
        /// How scores were read.
        let score: ScoreReading
        /// Draws of a sampled score; `nil` for the others.
        let samples: Int?
        /// The seed of the draws; `nil` for the others.
        let seed: UInt64?
        /// Over all rows.
        let overall: AgreementSection
        /// By category, in alphabetical order; empty when no row names one.
        let categories: [AgreementSection]
    }

    private enum CodingKeys: String, CodingKey {
        case pairs, model
        case modelFingerprint = "model_fingerprint"
        case rubric
        case rowCount = "rows"
        case scoredCount = "scored"
        case labelScale = "label_scale"
        case warnings, failures, readings
    }

    /// Writes `null` for a scale that is not known.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(pairs, forKey: .pairs)
        try container.encode(model, forKey: .model)
        try container.encode(modelFingerprint, forKey: .modelFingerprint)
        try container.encode(rubric, forKey: .rubric)
        try container.encode(rowCount, forKey: .rowCount)
        try container.encode(scoredCount, forKey: .scoredCount)
        try container.encode(labelScale, forKey: .labelScale)
        try container.encode(warnings, forKey: .warnings)
        try container.encode(failures, forKey: .failures)
        try container.encode(readings, forKey: .readings)
    }

    /// How to report.
    struct Settings {
        /// The ways of reading a score.
        var readings: [ScoreReading] = [.expected]
        /// Draws of a sampled score.
        var samples = 1
        /// The seed of the draws.
        var seed: UInt64 = 0
        /// The difference of scores that is a tie; `nil` calibrates it on all rows.
        var tieThreshold: Double?
        /// The scale of the ratings, which none of them leaves; `nil` takes 0...1 when all lie in it, and else the
        /// lowest and the highest, if the ratings are not all equal.
        var labelScale: ClosedRange<Double>?
    }

    /// Sums an evaluation up.
    ///
    /// - Parameters:
    ///   - rows: The rows with their answers.
    ///   - pairs: The file they are from.
    ///   - judge: Who scored.
    ///   - settings: How to report.
    /// - Throws: ``EvaluationError/nothingScored(rows:first:)``.
    init(_ rows: [EvaluationRun.ScoredRow], pairs: String, judge: EvaluationJudge, settings: Settings) throws
    {
        self.pairs = pairs
        model = judge.model
        modelFingerprint = judge.fingerprint
        rubric = judge.rubric.identity
        rowCount = rows.count
        failures = rows.flatMap { scored in
            zip(scored.row.edited, scored.answers).compactMap { path, answer in
                guard case .failure(let failure) = answer else { return nil }
                return Failure(line: scored.row.line, image: path, message: failure.message)
            }
        }
        let complete = rows.compactMap { scored in
            (try? scored.answers.map { try $0.get() }).map { (row: scored.row, answers: $0) }
        }
        scoredCount = complete.count
        guard !complete.isEmpty else {
            throw EvaluationError.nothingScored(rows: rows.count, first: failures.first?.message ?? "")
        }
        let scale = settings.labelScale ?? Self.scale(of: rows.map(\.row.label))
        labelScale = scale.map { [$0.lowerBound, $0.upperBound] }
        warnings = LabelCheck.warnings(rows.map(\.row))
        let reader = ScoreReader(rubric: judge.rubric, samples: settings.samples, seed: settings.seed)
        readings = settings.readings.map { reading in
            let read = complete.map { row, answers in
                AgreementSection.Row(
                    line: row.line,
                    group: [row.source, row.prompt, row.requirement],
                    category: row.category,
                    label: row.label,
                    scores: answers.map { reader.number(of: $0.score, reading, key: $0.key) }
                )
            }
            let overall = AgreementSection(
                read,
                category: nil,
                scale: scale,
                threshold: settings.tieThreshold
            )
            // One threshold for all: calibrated on a handful of pairs it would only fit their noise.
            let threshold = settings.tieThreshold ?? overall.pairs?.agreement.threshold
            let categories = Dictionary(grouping: read.filter { $0.category != nil }) { $0.category ?? "" }
            return Reading(
                score: reading,
                samples: reading == .sampled ? settings.samples : nil,
                seed: reading == .sampled ? settings.seed : nil,
                overall: overall,
                categories: categories.sorted { $0.key < $1.key }.map { name, rows in
                    AgreementSection(rows, category: name, scale: scale, threshold: threshold)
                }
            )
        }
    }

    /// The scale that the ratings show; equal ratings, or a single one, show none.
    private static func scale(of labels: [EvaluationRow.Label]) -> ClosedRange<Double>? {
        let ratings = labels.flatMap(\.ratings)
        guard let lowest = ratings.min(), let highest = ratings.max(), lowest < highest else { return nil }
        return lowest >= 0 && highest <= 1 ? 0...1 : lowest...highest
    }
}
