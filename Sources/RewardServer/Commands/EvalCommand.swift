import ArgumentParser
import Foundation
import Imaging
import Shared

/// `reward-server eval`.
struct EvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure how well a judge agrees with human or oracle labels.",
        discussion: """
            Every line of the file is an object: "source", "prompt", "label", optionally "requirement" and "category", \
            and either "edited" with a number as label, or "edited_a" and "edited_b" with "a", "b", "tie", a number \
            whose sign says which is better, or two ratings. Paths are relative to the file's folder; rows of one \
            source, prompt and requirement also make pairs. "A", "A>B", "B>A" and "A=B" are understood as well; other keys \
            of a row are carried through to PREFIX.csv. "-" reads the rows from standard input and needs --output.

            Writes PREFIX.results.jsonl as it goes, and goes on from it when it is started again; then PREFIX.json, \
            PREFIX.csv and PREFIX.svg. Exits with 0 when every row was scored, 2 when some were not (they are listed \
            and take no part), 1 otherwise.
            """
    )

    @Argument(help: "Labelled rows, one JSON object a line.")
    var pairs: String

    @OptionGroup var model: ModelOptions

    @OptionGroup var images: ImageOptions

    @Option(help: "Address of a running reward-server, such as http://127.0.0.1:8000.")
    var url: String?

    @Option(help: "Name of a rubric, or a file (.yaml, .yml, .json); the model's own when left out.")
    var rubric: String?

    @Option(help: "How a score is read: expected, argmax or sampled; give it again to compare.")
    var score: [ScoreReading] = []

    @Option(help: "Labels that a sampled score draws and averages.")
    var samples = 1

    @Option(help: "Seed of sampled scores.")
    var seed: UInt64 = 0

    @Option(help: "Scores that differ by no more are a tie; calibrated on the rows when left out.")
    var tieThreshold: Double?

    @Option(help: "Lowest and highest rating, such as 1:5; shown by the rows when left out, if they do.")
    var labelScale: LabelScale?

    @Option(
        help:
            "Prefix of the files to write; the rows' own path without its extension and -eval when left out."
    )
    var output: String?

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    func validate() throws {
        try model.refuse(url: url)
        try images.refuse(url: url)
        guard samples >= 1 else { throw ValidationError("--samples must be at least 1") }
        if let tieThreshold, !(0...1).contains(tieThreshold) {
            throw ValidationError("--tie-threshold must be between 0 and 1")
        }
        guard pairs != PictureFile.standardInput || output != nil else {
            throw ValidationError("rows from standard input have no name; say with --output where results go")
        }
        guard Set(score).count == score.count else {
            throw ValidationError("--score names one reading twice")
        }
    }

    func run() async throws {
        try await ExitStatus.reporting {
            let rows = try EvaluationRow.load(pairs)
            if let labelScale { try LabelCheck.require(rows, on: labelScale.range, path: pairs) }
            for warning in LabelCheck.warnings(rows) {
                StandardStreams.printError("reward-server: warning: \(warning)")
            }
            let judge =
                if let url {
                    try EvaluationJudge(url: url, rubric: rubric)
                } else {
                    try EvaluationJudge(model.load(images: images.limits), rubric: rubric)
                }
            let prefix = output ?? PathText.withoutExtension(pairs) + "-eval"
            let store = try ScoreStore(path: prefix + ".results.jsonl")
            let scored = try EvaluationRun(
                judge: judge,
                store: store,
                imageLimits: images.limits,
                progress: Self.progress
            ).score(rows)
            let settings = EvaluationReport.Settings(
                readings: score.isEmpty ? [.expected] : score,
                samples: samples,
                seed: seed,
                tieThreshold: tieThreshold,
                labelScale: labelScale?.range
            )
            let report = try EvaluationReport(scored, pairs: pairs, judge: judge, settings: settings)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let object = try encoder.encode(report)
            try AtomicFile.write(object + Data("\n".utf8), to: prefix + ".json")
            let table = EvaluationRowTable.csv(scored, judge: judge, settings: settings)
            try AtomicFile.write(Data(table.utf8), to: prefix + ".csv")
            try AtomicFile.write(Data(CalibrationPlot(report).svg.utf8), to: prefix + ".svg")
            for line in json ? [String(decoding: object, as: UTF8.self)] : EvaluationTable(report).lines {
                StandardStreams.print(line)
            }
            if !report.failures.isEmpty { throw ExitStatus.someFailed }
        }
    }

    /// Says on a terminal how far it is.
    private static func progress(done: Int, total: Int) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        let end = done == total ? "\n" : ""
        FileHandle.standardError.write(Data("\rreward-server: \(done) of \(total) edits\(end)".utf8))
    }
}

extension ScoreReading: ExpressibleByArgument {}

/// The lowest and the highest rating that can be given, `1:5`.
struct LabelScale: ExpressibleByArgument {
    /// From lowest to highest.
    let range: ClosedRange<Double>

    /// Reads `LOW:HIGH`; `nil` when it is no rising pair of numbers.
    init?(argument: String) {
        let ends = argument.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite, low < high
        else {
            return nil
        }
        range = low...high
    }
}
