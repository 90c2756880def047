import Foundation
import HummingbirdTesting
import Imaging
import Shared
import TestSupport
import Testing

@testable import RewardServer

/// `eval`, as a user starts it, with the embedded judge.
@Suite struct EvalCommandTests {
    /// Four edits of drawn scenes as rows of every kind, with `extra` lines at the end.
    private func folder(_ extra: [String] = []) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let picture = SelfcheckPicture(side: 48)
        var lines: [String] = []
        for (index, operation) in [SelfcheckScene.Operation.recolor, .remove, .background, .add].enumerated()
        {
            var generator = SeedTree(seed: 9)["eval", index].generator
            let scene = SelfcheckScene(&generator)
            let edit = scene.edit(operation, &generator)
            for (name, image) in [
                ("source", picture.image(of: scene)), ("right", picture.image(of: edit.target)),
                ("black", picture.black),
            ] {
                try Data(PNGEncoder.encode(image)).write(
                    to: folder.url.appending(path: "\(index)-\(name).png")
                )
            }
            let common =
                "\"source\":\"\(index)-source.png\",\"prompt\":\"\(edit.instruction)\",\"category\":\"\(operation)\""
            lines += [
                "{\(common),\"edited\":\"\(index)-right.png\",\"label\":1}",
                "{\(common),\"edited\":\"\(index)-black.png\",\"label\":0}",
                "{\(common),\"edited_a\":\"\(index)-source.png\",\"edited_b\":\"\(index)-right.png\",\"label\":\"b\"}",
            ]
        }
        try Data((lines + extra).joined(separator: "\n").utf8).write(
            to: folder.url.appending(path: "rows.jsonl")
        )
        return folder
    }

    private func object(_ outcome: Shell.Outcome) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    @Test("the table, all files, and exit code 0; a second run asks nothing again")
    func whole() async throws {
        let folder = try folder()
        let first = try await Shell.run(["eval", "rows.jsonl"], in: folder.path)
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.errors.isEmpty)
        #expect(first.outputLines[0].hasSuffix("rubric shape-edit: 12 of 12 rows scored"))
        #expect(first.output.contains("score: expected value"))
        #expect(first.output.contains("calibration (ratings of 0 to 1 as 0 to 1)"))
        let results = folder.url.appending(path: "rows-eval.results.jsonl")
        let written = try Data(contentsOf: results)
        #expect(written.split(separator: 0x0A).count == 12)
        let report = try Data(contentsOf: folder.url.appending(path: "rows-eval.json"))
        // A torn end, as a killed process leaves it.
        try (written.dropLast(20)).write(to: results)
        let second = try await Shell.run(["eval", "rows.jsonl", "--json"], in: folder.path)
        #expect(second.status == 0)
        #expect(try Data(contentsOf: results) == written)
        #expect(Data(second.output.utf8) == report)
        let csv = try String(contentsOf: folder.url.appending(path: "rows-eval.csv"), encoding: .utf8)
        #expect(csv.split(separator: "\r\n").count == 13)
        let svg = try String(contentsOf: folder.url.appending(path: "rows-eval.svg"), encoding: .utf8)
        #expect(svg.hasPrefix("<svg"))
    }

    @Test("the embedded judge agrees with what is known, by category, in every reading")
    func agreement() async throws {
        let folder = try folder()
        let outcome = try await Shell.run(
            [
                "eval", folder.file("rows.jsonl"), "--score", "expected", "--score", "argmax", "--score",
                "sampled",
                "--samples", "8", "--seed", "3", "--json", "--output", folder.file("out"),
            ]
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try object(outcome)
        let readings = try #require(report["readings"] as? [[String: Any]])
        #expect(readings.map { $0["score"] as? String } == ["expected", "argmax", "sampled"])
        for reading in readings {
            let overall = try #require(reading["overall"] as? [String: Any])
            let pairs = try #require(overall["pairs"] as? [String: Any])
            #expect(pairs["n"] as? Int == 8)
            #expect(try #require(pairs["strict"] as? Double) >= 0.75)
            let ratings = try #require(overall["ratings"] as? [String: Any])
            #expect(try #require(ratings["spearman"] as? Double) > 0.7)
            #expect((reading["categories"] as? [Any])?.count == 4)
        }
        #expect(FileManager.default.fileExists(atPath: folder.file("out.results.jsonl")))
    }

    @Test("rows that cannot be scored are listed and take no part: exit code 2")
    func someFailed() async throws {
        let folder = try folder([
            "{\"source\":\"0-source.png\",\"edited\":\"lost.png\",\"prompt\":\"p\",\"label\":5}"
        ])
        let outcome = try await Shell.run(["eval", "rows.jsonl"], in: folder.path)
        #expect(outcome.status == 2)
        #expect(outcome.outputLines[0].hasSuffix("12 of 13 rows scored"))
        #expect(outcome.outputLines[1].hasPrefix(" error  line 13, lost.png: "))
    }

    @Test("a server's judge gives the report of the same judge in this process")
    func remote() async throws {
        let folder = try folder()
        let local = try await Shell.run(
            ["eval", "rows.jsonl", "--json", "--output", "local"],
            in: folder.path
        )
        let path = folder.path
        try await TestServer().run(try ModelLoading().load()) { client in
            let url = "http://127.0.0.1:\(try #require(client.port))"
            let remote = try await Shell.run(
                ["eval", "rows.jsonl", "--json", "--url", url, "--output", "remote"],
                in: path
            )
            #expect(remote.status == 0, "\(remote.errors)")
            #expect(remote.output == local.output)
            let files = try ["local", "remote"].map {
                try Data(contentsOf: URL(filePath: "\(path)/\($0).results.jsonl"))
            }
            #expect(files[0] == files[1])
        }
    }

    @Test(
        "what cannot work is one line on stderr and exit code 1",
        arguments: [
            ["eval"], ["eval", "/nowhere.jsonl"], ["eval", "/dev/null"],
            ["eval", "/dev/null", "--score", "median"],
            ["eval", "/dev/null", "--samples", "0"], ["eval", "/dev/null", "--tie-threshold", "2"],
            ["eval", "/dev/null", "--label-scale", "5:1"],
            ["eval", "/dev/null", "--score", "argmax", "--score", "argmax"],
            ["eval", "/dev/null", "--model", "x", "--url", "http://127.0.0.1:9"],
            ["eval", "/dev/null", "--threads", "0"],
            ["eval", "/dev/null", "--mmproj", "x.gguf"],
        ]
    )
    func refusals(_ arguments: [String]) async throws {
        let outcome = try await Shell.run(arguments)
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("reward-server: "))
    }

    @Test("when nothing can be scored it says why: exit code 1")
    func nothing() async throws {
        let folder = try TemporaryFolder()
        try Data("{\"source\":\"s.png\",\"edited\":\"e.png\",\"prompt\":\"p\",\"label\":5}".utf8)
            .write(to: folder.url.appending(path: "rows.jsonl"))
        let outcome = try await Shell.run(["eval", "rows.jsonl"], in: folder.path)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("none of the 1 rows could be scored"))
    }
}
