import Foundation
import MLLMRuntime
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct ModelLocationTests {
    private static let commit = String(repeating: "4", count: 40)
    private let folder: TemporaryFolder
    private let environment: HubEnvironment

    init() throws {
        folder = try TemporaryFolder()
        environment = HubEnvironment(["HF_HUB_CACHE": folder.file("hub")])
    }

    private func make(_ path: String, _ text: String = "x") throws {
        let url = URL(filePath: folder.file(path))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: url)
    }

    private func resolve(_ model: String?, projector: String? = nil) throws -> ModelFiles {
        try ModelLocation.resolve(model, projector: projector, environment: environment)
    }

    private func message(_ model: String, projector: String? = nil) throws -> String {
        let error = #expect(throws: (any Error).self) { try resolve(model, projector: projector) }
        return try "\(#require(error))"
    }

    @Test("a folder, a .gguf file with what lies beside it, and a snapshot of the cache are found")
    func found() throws {
        #expect(try resolve(nil) == .folder(ModelLocation.embedded))
        #expect(try resolve(Fixtures.judge) == .folder(Fixtures.judge))
        try make("pair/judge-Q8_0.gguf")
        try make("pair/mmproj-judge-F16.gguf")
        let pair = (
            text: folder.file("pair/judge-Q8_0.gguf"), tower: folder.file("pair/mmproj-judge-F16.gguf")
        )
        #expect(try resolve(pair.text) == .gguf(text: pair.text, projector: pair.tower))
        #expect(try resolve(folder.file("pair")) == .gguf(text: pair.text, projector: pair.tower))
        #expect(try resolve(pair.text, projector: "/x.gguf") == .gguf(text: pair.text, projector: "/x.gguf"))
        let snapshot = "hub/models--org--judge/snapshots/\(Self.commit)"
        try make("hub/models--org--judge/refs/main", Self.commit)
        try make(snapshot + "/config.json")
        try make(snapshot + "/model.safetensors")
        #expect(try resolve("org/judge") == .folder(folder.file(snapshot)))
        #expect(try resolve("org/judge@4444444") == .folder(folder.file(snapshot)))
        let other = "hub/models--org--packed/snapshots/\(Self.commit)"
        try make("hub/models--org--packed/refs/main", Self.commit)
        for name in ["config.json", "a.gguf", "mmproj.gguf"] { try make(other + "/" + name) }
        let files = [folder.file(other + "/a.gguf"), folder.file(other + "/mmproj.gguf")]
        #expect(try resolve("org/packed") == .gguf(text: files[0], projector: files[1]))
    }

    @Test("what is not found says what was looked for, where, and which command fetches it")
    func notFound() throws {
        let place = FileManager.default.currentDirectoryPath
        let absent = try message("org/judge")
        #expect(
            absent.hasPrefix(
                "there is no folder or .gguf file org/judge in \(place), and org/judge is not in "
            )
        )
        #expect(absent.contains(folder.file("hub")))
        #expect(absent.hasSuffix("; fetch it with: reward-server pull org/judge"))
        #expect(try message("org/judge@v2").hasSuffix("reward-server pull org/judge@v2"))
        #expect(try message("/no/where").hasPrefix("there is no folder or .gguf file /no/where; give a path"))
        #expect(
            try message("models/judge.gguf").contains(
                "there is no folder or .gguf file models/judge.gguf in "
            )
        )
        #expect(try message("judge").contains("org/name[@revision]"))
    }

    @Test("a shard that was not fetched names the command")
    func missingShard() throws {
        let snapshot = "hub/models--org--judge/snapshots/\(Self.commit)"
        try make("hub/models--org--judge/refs/main", Self.commit)
        try make(snapshot + "/model.safetensors.index.json", #"{"weight_map": {"a": "model-1.safetensors"}}"#)
        #expect(
            try message("org/judge") == "\(folder.file(snapshot))/model-1.safetensors is missing; "
                + "fetch it with: reward-server pull org/judge"
        )
        let shard = folder.file(snapshot) + "/model-1.safetensors"
        let reference = try HubReference("org/judge")
        let explained = ModelLocation.explained(WeightError.unreadable(path: shard, reason: "gone"))
        #expect(explained as? HubError == .missingFile(path: shard, reference))
        let elsewhere = WeightError.unreadable(path: "/models/x/model.safetensors", reason: "gone")
        #expect(ModelLocation.explained(elsewhere) as? WeightError == elsewhere)
    }

    @Test("files and folders that are no model are refused with the reason")
    func unfit() throws {
        try make("model.bin")
        #expect(try message(folder.file("model.bin")).contains("is no .gguf file"))
        for name in ["q4.gguf", "q8.gguf", "mmproj.gguf"] { try make("several/" + name) }
        #expect(try message(folder.file("several")).contains("several GGUF models (q4.gguf, q8.gguf)"))
        try make("alone/q4.gguf")
        #expect(try message(folder.file("alone")).contains("--mmproj"))
        #expect(try message(Fixtures.judge, projector: "/x.gguf").contains("leave --mmproj out"))
    }

    @Test("a folder of the parts of one split model is that model, of two models it is refused")
    func split() throws {
        for name in ["j-00001-of-00002.gguf", "j-00002-of-00002.gguf", "mmproj.gguf"] {
            try make("split/" + name)
        }
        let path = folder.file("split")
        #expect(
            try ModelLocation.resolve(path, projector: nil)
                == .gguf(text: path + "/j-00001-of-00002.gguf", projector: path + "/mmproj.gguf")
        )
        try make("split/k-00001-of-00002.gguf")
        #expect(try message(path).contains("several GGUF models"))
    }
}
