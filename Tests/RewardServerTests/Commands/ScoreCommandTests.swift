import Foundation
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct ScoreCommandTests {
    private static let common = ["score", "--source", "source.png", "--instruction", "make it green"]

    private func run(_ arguments: [String]) async throws -> Shell.Outcome {
        try await Shell.run(Self.common + ["--model", Fixtures.judge] + arguments, in: Fixtures.folder.path)
    }

    @Test("all scored: a table, nothing on stderr, exit code 0")
    func table() async throws {
        let outcome = try await run(Fixtures.edits)
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        #expect(outcome.output.contains("model judge, rubric edit-r1"))
        for name in Fixtures.edits {
            #expect(outcome.outputLines.contains { $0.hasSuffix("  " + name) || $0.contains("  \(name)  (") })
        }
        #expect(outcome.output.contains("3 of 3 scored"))
    }

    @Test("--json gives one object a line under the names of the contract")
    func json() async throws {
        let folder = try TemporaryFolder()
        let whole = try Fixtures.bytes("edit-a.png")
        try Data(whole.prefix(whole.count / 2)).write(to: folder.url.appending(path: "broken.png"))
        let outcome = try await run(["--json", "edit-a.png", folder.file("broken.png"), "edit-b.jpg"])
        #expect(outcome.status == 2)
        let objects = try outcome.outputLines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(
            objects.map { $0["image"] as? String } == ["edit-a.png", folder.file("broken.png"), "edit-b.jpg"]
        )
        for name in ["score", "raw", "probs", "entropy", "stddev", "mass"] {
            #expect(objects[0][name] != nil)
            #expect(objects[1][name] == nil, "a failure has no number")
        }
        let error = try #require(objects[1]["error"] as? [String: Any])
        #expect(error["code"] as? String == "truncated_png")
    }

    @Test("a rubric file is used, and a label of two tokens is refused with its tokenisation")
    func rubricFile() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("mine.yaml")
        try Data(
            "template: '{instruction}?'\nlabels: [{tokens: [n], value: 0}, {tokens: [y], value: 1}]".utf8
        )
        .write(to: URL(filePath: path))
        let outcome = try await run(["--rubric", path, "--json", "edit-a.png"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("\"probs\":{\"n\":"))
        try Data("template: x\nlabels: [{tokens: ['0'], value: 0}, {tokens: ['10'], value: 1}]".utf8)
            .write(to: URL(filePath: path))
        let refused = try await run(["--rubric", path, "edit-a.png"])
        #expect(refused.status == 1)
        #expect(refused.errorLines.count == 1)
        #expect(refused.errors.contains("\"1\" (49) \"0\" (48)"))
    }

    @Test(
        "what cannot work is one line on stderr and exit code 1",
        arguments: [
            ["score"],
            common,
            common + ["--no-such-flag", "edit-a.png"],
            common + ["--model", "/nowhere", "edit-a.png"],
            common + ["--model", Fixtures.judge, "--url", "http://127.0.0.1:9", "edit-a.png"],
            common + ["--url", "http://127.0.0.1:9", "edit-a.png"],
            common + ["--model", Fixtures.judge, "--rubric", "absent.yaml", "edit-a.png"],
            common + ["--model", Fixtures.judge, "--rubric", "absent", "edit-a.png"],
            [
                "score", "--source", "absent.png", "--instruction", "x", "--model", Fixtures.judge,
                "edit-a.png",
            ],
            [
                "score", "--source", "source.png", "--instruction", " ", "--model", Fixtures.judge,
                "edit-a.png",
            ],
        ]
    )
    func failures(_ arguments: [String]) async throws {
        let outcome = try await Shell.run(arguments, in: Fixtures.folder.path)
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("reward-server: "))
    }

    @Test("- reads one picture from standard input, as source or as edit")
    func standardInput() async throws {
        let folder = Fixtures.folder
        let options = ["--instruction", "x", "--model", Fixtures.judge, "--json"]
        func score(_ source: String, _ edited: [String], _ input: String) async throws -> Shell.Outcome {
            try await Shell.run(
                ["score", "--source", source] + options + edited,
                in: folder.path,
                input: folder.appending(path: input).path
            )
        }
        let named = try await score("source.png", ["edit-a.png"], "edit-b.jpg")
        #expect(named.status == 0, "\(named.errors)")
        let source = try await score("-", ["edit-a.png"], "source.png")
        #expect(source.output == named.output, "\(source.errors)")
        let edited = try await score("source.png", ["-"], "edit-a.png")
        #expect(edited.output == named.output.replacing("\"image\":\"edit-a.png\"", with: "\"image\":\"-\""))
        let twice = try await score("-", ["edit-a.png", "-"], "source.png")
        #expect(twice.status == 1 && twice.errors.contains("give it once"), "\(twice.errors)")
        let empty = try await Shell.run(
            ["score", "--source", "-"] + options + ["edit-a.png"],
            in: folder.path
        )
        #expect(
            empty.status == 1 && empty.errors.contains("standard input: the file is empty"),
            "\(empty.errors)"
        )
    }

    @Test("limits of pixels and bytes are the owner's, and what the model sees as well")
    func imageLimits() async throws {
        let few = try await run(["--max-image-pixels", "10", "edit-a.png"])
        #expect(few.status == 1 && few.errors.contains("over the limit of 10 pixels"), "\(few.errors)")
        let short = try await run(["--max-image-bytes", "10", "edit-a.png"])
        #expect(short.status == 1 && short.errors.contains("over the limit of 10"), "\(short.errors)")
        let tiny = try await run(["--max-pixels", "3", "edit-a.png"])
        #expect(tiny.status == 1 && tiny.errors.contains("max_pixels"), "\(tiny.errors)")
        let remote = try await Shell.run(
            [
                "score", "--source", "s", "--instruction", "x", "--url", "http://127.0.0.1:9", "--max-pixels",
                "9", "e",
            ]
        )
        #expect(remote.status == 1 && remote.errors.contains("give it to serve"), "\(remote.errors)")
    }

    @Test(
        "the help of every command says what it does",
        arguments: ["", "serve", "score", "inspect", "selfcheck", "eval", "pull", "logits"]
    )
    func help(_ command: String) async throws {
        let outcome = try await Shell.run(command.isEmpty ? ["--help"] : [command, "--help"])
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        #expect(outcome.output.contains("OVERVIEW:"))
        #expect(outcome.output.contains("USAGE: reward-server \(command)"))
    }
}
