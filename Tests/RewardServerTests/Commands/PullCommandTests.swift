import Foundation
import Shared
import TestSupport
import Testing

@testable import RewardServer

/// `reward-server pull` against a hub in this process, and the commands that then use the model.
@Suite struct PullCommandTests {
    private static let commit = String(repeating: "3", count: 40)
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func environment(_ hub: FakeHub?, _ more: [String: String] = [:]) -> [String: String] {
        let own = [
            "HF_ENDPOINT": hub?.url ?? "http://127.0.0.1:9", "HF_HOME": folder.path, "HF_HUB_CACHE": "",
            "HUGGINGFACE_HUB_CACHE": "", "HF_TOKEN": "", "HF_TOKEN_PATH": "", "HF_HUB_OFFLINE": "",
        ]
        return own.merging(more) { $1 }
    }

    private func judgeFiles() throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: Fixtures.judge)
        return try Dictionary(
            uniqueKeysWithValues: names.map { name in
                (name, try Data(contentsOf: URL(filePath: Fixtures.judge).appending(path: name)))
            }
        )
    }

    @Test("a pulled judge scores offline under its name, as the folder does")
    func pullAndScore() async throws {
        var files = try judgeFiles()
        files["training_args.bin"] = Data("pickle".utf8)
        let hub = try FakeHub(commits: [Self.commit: files], refs: ["main": Self.commit])
        let pulled = try await Shell.run(["pull", "org/judge"], environment: environment(hub))
        #expect(pulled.status == 0, "\(pulled.errors)")
        let snapshot = folder.file("hub/models--org--judge/snapshots/\(Self.commit)")
        #expect(pulled.outputLines == [snapshot])
        #expect(pulled.errors.contains("leaving out pickle files"))
        #expect(pulled.errors.contains("model.safetensors is complete, its checksum right"))
        #expect(
            !pulled.errors.contains("\u{1B}") && !pulled.errors.contains("█"),
            "no bar without a terminal"
        )
        let again = try await Shell.run(["pull", "org/judge"], environment: environment(hub))
        #expect(again.status == 0)
        #expect(again.errors.contains("nothing to fetch"))

        let question = [
            "score", "--source", "source.png", "--instruction", "make it green", "--json", "edit-a.png",
        ]
        let named = try await Shell.run(
            question + ["--model", "org/judge"],
            in: Fixtures.folder.path,
            environment: environment(nil)
        )
        let plain = try await Shell.run(question + ["--model", Fixtures.judge], in: Fixtures.folder.path)
        #expect(named.status == 0, "\(named.errors)")
        #expect(named.output == plain.output)
        let inspected = try await Shell.run(
            ["inspect", "--model", "org/judge"],
            environment: environment(nil)
        )
        #expect(inspected.output.contains("org/judge"))

        let gone = snapshot + "/config.json"
        try FileManager.default.removeItem(atPath: gone)
        let incomplete = try await Shell.run(
            question + ["--model", "org/judge"],
            in: Fixtures.folder.path,
            environment: environment(nil)
        )
        #expect(incomplete.status == 1)
        #expect(
            incomplete.errorLines
                == ["reward-server: \(gone) is missing; fetch it with: reward-server pull org/judge"]
        )
        let mended = try await Shell.run(["pull", "org/judge"], environment: environment(hub))
        #expect(mended.status == 0)
        #expect(FileManager.default.fileExists(atPath: gone))
    }

    @Test("--to and --include bring chosen files into a folder, with the token that is set")
    func plainFolder() async throws {
        let files = [
            "q4.gguf": Data("four".utf8), "q8.gguf": Data("eight".utf8), "config.json": Data("{}".utf8),
        ]
        let hub = try FakeHub(commits: [Self.commit: files], refs: ["main": Self.commit])
        let outcome = try await Shell.run(
            ["pull", "org/judge@\(Self.commit)", "--to", folder.file("here"), "--include", "q4*"],
            environment: environment(hub, ["HF_TOKEN": "hf_secret"])
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("here")).sorted()
        #expect(names == ["config.json", "q4.gguf"])
        #expect(hub.visits.allSatisfy { $0.authorization == "Bearer hf_secret" })
        #expect(!outcome.errors.contains("hf_secret"))
    }

    @Test("what cannot be fetched is one line on stderr and exit code 1")
    func failures() async throws {
        let hub = try FakeHub(commits: [Self.commit: ["a.bin": Data()]], refs: ["main": Self.commit])
        let cases: [(arguments: [String], variables: [String: String], words: String)] = [
            (["org"], [:], "is no model of a hub"),
            (["org/judge"], ["HF_ENDPOINT": "nowhere"], "HF_ENDPOINT is 'nowhere'"),
            (["org/judge"], ["HF_HUB_OFFLINE": "1"], "HF_HUB_OFFLINE is set"),
            (["org/judge"], ["HF_TOKEN": "a b"], "the token in HF_TOKEN"),
            (["org/judge@v9"], [:], "org/judge has no revision v9"),
            (["org/judge"], [:], "pickle files only (a.bin)"),
        ]
        for (arguments, variables, words) in cases {
            let outcome = try await Shell.run(["pull"] + arguments, environment: environment(hub, variables))
            #expect(outcome.status == 1)
            #expect(outcome.output.isEmpty)
            #expect(outcome.errorLines.last?.contains(words) == true, "\(outcome.errors)")
            #expect(outcome.errorLines.filter { $0.hasPrefix("reward-server: ") }.count == 1)
        }
    }
}
