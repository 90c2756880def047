import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct EvaluationRunTests {
    /// Flat pictures whose first level the stub judge reads as the label 0 to 5.
    private func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for level in 0..<6 {
            let image = PixelImage(width: 8, height: 8, pixels: [UInt8](repeating: UInt8(level), count: 192))
            try Data(PNGEncoder.encode(image)).write(to: folder.url.appending(path: "\(level).png"))
        }
        return folder
    }

    private func row(_ folder: TemporaryFolder, _ edited: [Int], _ label: EvaluationRow.Label)
        -> EvaluationRow
    {
        EvaluationRow(
            line: 1,
            source: folder.file("0.png"),
            edited: edited.map { folder.file("\($0).png") },
            prompt: "p",
            requirement: "",
            label: label,
            category: edited.count == 2 ? "pair" : nil
        )
    }

    /// A judge that counts what it is asked.
    private func judge(counting asked: Lock<Int>) throws -> EvaluationJudge {
        let stub = StubJudge(answer: { image in
            asked.withLock { $0 += 1 }
            return .success(StubJudge.answer(favouring: Int(image.pixels[0])))
        })
        return try EvaluationJudge(Fixtures.model(stub), rubric: nil)
    }

    @Test("an interrupted run goes on where it was, and equal questions are asked once")
    func resume() throws {
        let folder = try folder()
        let asked = Lock(0)
        let judge = try judge(counting: asked)
        let rows = [
            row(folder, [1], .rating(1)), row(folder, [2, 1], .preference(1)), row(folder, [3], .rating(3)),
        ]
        let path = folder.file("r.jsonl")
        let first = try EvaluationRun(judge: judge, store: ScoreStore(path: path), progress: { _, _ in })
            .score(Array(rows.prefix(2)))
        #expect(asked.withLock { $0 } == 2)
        #expect(try first[0].answers[0].get().key == first[1].answers[1].get().key)
        var steps: [String] = []
        let second = try EvaluationRun(
            judge: judge,
            store: ScoreStore(path: path),
            progress: { steps.append("\($0)/\($1)") }
        ).score(rows)
        #expect(asked.withLock { $0 } == 3)
        #expect(steps == ["4/4"])
        #expect(try second[1].answers[0].get().score == first[1].answers[0].get().score)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 3)
    }

    @Test("an image that cannot be read is a failure of its own, and is not written down")
    func failures() throws {
        let folder = try folder()
        try Data("no image".utf8).write(to: folder.url.appending(path: "7.png"))
        let asked = Lock(0)
        let store = try ScoreStore(path: folder.file("r.jsonl"))
        let run = EvaluationRun(judge: try judge(counting: asked), store: store, progress: { _, _ in })
        let scored = try run.score([
            row(folder, [1], .rating(1)), row(folder, [8], .rating(1)), row(folder, [7, 2], .preference(1)),
        ])
        #expect(
            scored.map { $0.answers.map { (try? $0.get()) != nil } } == [[true], [false], [false, true]]
        )
        #expect(store.count == 2)
        let report = try EvaluationReport(
            scored,
            pairs: "rows.jsonl",
            judge: judge(counting: asked),
            settings: EvaluationReport.Settings()
        )
        #expect(report.scoredCount == 1)
        #expect(report.failures.map(\.image) == [folder.file("8.png"), folder.file("7.png")])
        #expect(report.failures[0].message.contains("no such file"))
    }

    @Test("a source that cannot be read, and a blank prompt, fail their rows only")
    func questions() throws {
        let folder = try folder()
        var lost = row(folder, [1], .rating(1))
        lost.source = folder.file("lost.png")
        var blank = row(folder, [1], .rating(1))
        blank.prompt = " "
        let scored = try EvaluationRun(
            judge: judge(counting: Lock(0)),
            store: ScoreStore(path: folder.file("r.jsonl")),
            progress: { _, _ in }
        ).score([lost, blank, row(folder, [2], .rating(2))])
        #expect(scored.map { (try? $0.answers[0].get()) != nil } == [false, false, true])
        #expect(throws: EvaluationError.self) {
            try EvaluationReport(
                Array(scored.prefix(2)),
                pairs: "",
                judge: judge(counting: Lock(0)),
                settings: EvaluationReport.Settings()
            )
        }
    }

    @Test(
        "one rating, or equal ones, show no scale: no error, no calibration",
        arguments: [[3.0], [3, 3], [1], [1, 1]]
    )
    func noScale(ratings: [Double]) throws {
        let folder = try folder()
        let judge = try judge(counting: Lock(0))
        var rows = ratings.enumerated().map { row(folder, [$0 + 1], .rating($1)) }
        rows[0].extra = ["id": "x,7", "score": "own"]
        let scored = try EvaluationRun(
            judge: judge,
            store: ScoreStore(path: folder.file("r.jsonl")),
            progress: { _, _ in }
        ).score(rows)
        func report(_ scale: ClosedRange<Double>?) throws -> EvaluationReport {
            try EvaluationReport(
                scored,
                pairs: "rows.jsonl",
                judge: judge,
                settings: EvaluationReport.Settings(labelScale: scale)
            )
        }
        let unknown = try report(nil)
        #expect(unknown.labelScale == nil)
        #expect(unknown.readings[0].overall.ratings?.meanAbsoluteError == nil)
        #expect(unknown.readings[0].overall.ratings?.calibration == nil)
        let text = String(decoding: try JSONEncoder().encode(unknown), as: UTF8.self)
        for key in ["label_scale", "mean_absolute_error", "calibration", "spearman"] {
            #expect(text.contains("\"\(key)\":null"), "\(key)")
        }
        let lines = EvaluationTable(unknown).lines
        #expect(lines.contains { $0.contains("--label-scale") } && lines.contains { $0.hasSuffix("–") })
        #expect(!CalibrationPlot(unknown).svg.contains("mean rating"))
        let known = try report(1...5)
        let scaled = (ratings[0] - 1) / 4
        let errors = try scored.map { abs(try $0.answers[0].get().score.score - scaled) }
        let found = try #require(known.readings[0].overall.ratings?.meanAbsoluteError)
        #expect(abs(found - errors.reduce(0, +) / Double(errors.count)) < 1e-12)
        let csv = EvaluationRowTable.csv(scored, judge: judge, settings: EvaluationReport.Settings())
            .split(separator: "\r\n")
        #expect(csv[0].hasSuffix(",error,id,row.score"))
        #expect(csv[1].hasSuffix(",\"x,7\",own"))
    }

    @Test("ratings of one source make pairs, rankings and correlations; categories share the threshold")
    func report() throws {
        let folder = try folder()
        let judge = try judge(counting: Lock(0))
        let scored = try EvaluationRun(
            judge: judge,
            store: ScoreStore(path: folder.file("r.jsonl")),
            progress: { _, _ in }
        ).score(
            [(1, 1.0), (2, 2), (3, 3), (5, 1)].map { row(folder, [$0], .rating($1)) }
                + [row(folder, [4, 2], .preference(1)), row(folder, [3, 4], .ratings(5, 1))]
        )
        let report = try EvaluationReport(
            scored,
            pairs: "rows.jsonl",
            judge: judge,
            settings: EvaluationReport.Settings(
                readings: [.expected, .argmax, .sampled],
                samples: 3,
                seed: 5
            )
        )
        #expect(report.labelScale == [1, 5])
        #expect(report.readings.map(\.samples) == [nil, nil, 3])
        let overall = report.readings[1].overall
        let pairs = try #require(overall.pairs)
        // Six pairs of ratings: (1,2), (1,3), (2,3) right, (2,5), (3,5) wrong, (1,5) rated equal; then one
        // right, one wrong.
        #expect(pairs.agreement.count == 8)
        #expect(pairs.agreement.labelTies == 1)
        #expect(abs(try #require(pairs.agreement.strict) - 4.0 / 7) < 1e-12)
        #expect(pairs.rankings == (count: 1, right: 0))
        let ratings = try #require(overall.ratings)
        #expect(ratings.count == 6)
        #expect(
            ratings.spearman == Correlation.spearman([1, 2, 3, 5, 3, 4], [1, 2, 3, 1, 5, 1])
        )
        #expect(report.readings[1].categories.map(\.category) == ["pair"])
        #expect(
            report.readings[1].categories[0].pairs?.agreement.threshold == pairs.agreement.threshold
        )
        let csv = EvaluationRowTable.csv(
            scored,
            judge: judge,
            settings: EvaluationReport.Settings(readings: [.argmax])
        ).split(separator: "\r\n")
        #expect(csv.count == 7)
        #expect(csv[1] == "1,,p,1.0,argmax,0.2,,,")
        #expect(csv[5] == "1,pair,p,a,argmax,0.8,0.4,0.4,")
        let svg = CalibrationPlot(report).svg
        #expect(svg.contains("mean rating") && svg.contains("share right"))
        #expect(XMLCheck.isWellFormed(svg))
    }
}

/// Just enough of a parser to see that every element is closed.
private enum XMLCheck {
    static func isWellFormed(_ text: String) -> Bool {
        var open: [Substring] = []
        for part in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
            guard let end = part.firstIndex(of: ">") else { return false }
            let tag = part[..<end]
            if tag.hasPrefix("/") {
                guard open.popLast() == tag.dropFirst() else { return false }
            } else if !tag.hasSuffix("/") {
                open.append(tag.prefix { !$0.isWhitespace })
            }
        }
        return open.isEmpty
    }
}
