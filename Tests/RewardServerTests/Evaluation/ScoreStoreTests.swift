import Foundation
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct ScoreStoreTests {
    private func judge() throws -> EvaluationJudge {
        try EvaluationJudge(Fixtures.model(), rubric: nil)
    }

    private func score(_ value: Double) -> EditScore {
        EditScore(
            score: value,
            raw: value * 5,
            probabilities: ["0": 1 - value, "5": value],
            argmax: "5",
            entropy: 0.1,
            normalizedEntropy: 0.1,
            standardDeviation: 0.1,
            mass: 1
        )
    }

    /// A file with two scores.
    private func filled(_ folder: TemporaryFolder) throws -> String {
        let path = folder.file("r.jsonl")
        let store = try ScoreStore(path: path)
        try store.append(score(1.0 / 3), for: "one", judge: judge())
        try store.append(score(0.7), for: "two", judge: judge())
        return path
    }

    @Test("what was written is read again, to the last bit")
    func again() throws {
        let folder = try TemporaryFolder()
        let store = try ScoreStore(path: filled(folder))
        #expect(store.count == 2)
        #expect(store["one"] == score(1.0 / 3))
        #expect(store["three"] == nil)
    }

    @Test(
        "a torn last line is cut off, and the next score stands on a line of its own",
        arguments: [1, 30, 100]
    )
    func torn(_ cut: Int) throws {
        let folder = try TemporaryFolder()
        let path = try filled(folder)
        let whole = try Data(contentsOf: URL(filePath: path))
        try whole.dropLast(cut).write(to: URL(filePath: path))
        do {
            let store = try ScoreStore(path: path)
            #expect(store.count == 1)
            #expect(store["two"] == nil)
            try store.append(score(0.7), for: "two", judge: judge())
        }
        #expect(try Data(contentsOf: URL(filePath: path)) == whole)
    }

    @Test("damage elsewhere is an error that names the line")
    func damaged() throws {
        let folder = try TemporaryFolder()
        let path = try filled(folder)
        var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        lines[0] = lines[0].dropLast(3)
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: path))
        let error = #expect(throws: EvaluationError.self) { try ScoreStore(path: path) }
        #expect(try #require(error).description.hasPrefix("\(path), line 1 is damaged"))
    }

    @Test("two processes do not write one file")
    func busy() throws {
        let folder = try TemporaryFolder()
        let path = try filled(folder)
        let first = try ScoreStore(path: path)
        #expect(throws: EvaluationError.busy(path: path)) { try ScoreStore(path: path) }
        #expect(first.count == 2)
    }

    @Test("a folder that is not there is an error")
    func nowhere() {
        #expect(throws: EvaluationError.self) { try ScoreStore(path: "/nowhere/r.jsonl") }
    }

    @Test("a key changes with every part of the question, and with nothing else")
    func keys() throws {
        let row = EvaluationRow(
            line: 1,
            source: "s",
            edited: ["e"],
            prompt: "p",
            requirement: "r",
            label: .rating(1),
            category: nil
        )
        let judge = try judge()
        func key(
            _ row: EvaluationRow,
            _ judge: EvaluationJudge,
            source: String = "s",
            edited: String = "e"
        ) -> String {
            ScoreStore.key(of: row, source: ContentHash(source), edited: ContentHash(edited), judge: judge)
        }
        var moved = row
        (moved.line, moved.source, moved.edited, moved.label) = (7, "x", ["y"], .rating(2))
        #expect(key(row, judge) == key(moved, judge))
        var prompt = row
        (prompt.prompt, prompt.requirement) = ("pr", "")
        var model = judge
        model.fingerprint = "other"
        var preprocessing = judge
        preprocessing.preprocessHash = "other"
        var rubric = judge
        rubric.rubric = try #require(try Fixtures.model().rubrics.all.last)
        let keys = [
            key(row, judge), key(prompt, judge), key(row, judge, source: "x"),
            key(row, judge, edited: "x"),
            key(row, model), key(row, preprocessing), key(row, rubric),
        ]
        #expect(Set(keys).count == keys.count)
    }
}
