import Foundation
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct InspectCommandTests {
    private func object(_ outcome: Shell.Outcome) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    @Test("inspect names sizes, formats, memory, cost and the ids of the labels")
    func table() async throws {
        let outcome = try await Shell.run(["inspect", "--model", Fixtures.judge])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        for text in [
            "model        judge (qwen2_5_vl)", "decoder      2 layers of width 32, vocabulary 272 (tied)",
            "<|image_pad|> 262", "TFLOP", "an estimate",
            "edit-r1 (source,edited,text, default): 0 = 48, 1 = 49",
        ] {
            #expect(outcome.output.contains(text), "\(text) in \(outcome.output)")
        }
    }

    @Test("--json has a field for each")
    func json() async throws {
        let report = try object(await Shell.run(["inspect", "--json", "--model", Fixtures.judge]))
        #expect(report["layers"] as? Int == 2)
        #expect((report["formats"] as? [String: Int])?.keys.sorted() == ["BF16"])
        #expect(report["default_rubric"] as? String == "edit-r1")
        let memory = try #require(report["group_memory_bytes"] as? [String: Int])
        let parts = ["weights", "caches", "activations"].compactMap { memory[$0] }
        #expect(parts.count == 3)
        #expect(memory["total"] == parts.reduce(0, +))
        let cost = try #require(report["pair_cost"] as? [String: Any])
        let (work, rate) = (cost["tflop"] as? Double, cost["measured_tflop_per_second"] as? Double)
        let seconds = try #require(cost["estimated_seconds"] as? Double)
        #expect(try abs(#require(work) / #require(rate) - seconds) <= 1e-9 * seconds)
        #expect(try #require(report["available_memory_bytes"] as? Int) > 0)
    }

    @Test("the embedded judge is inspected when no model is named, its own rubric first")
    func embedded() async throws {
        let report = try object(await Shell.run(["inspect", "--json"]))
        #expect(report["default_rubric"] as? String == "shape-edit")
        #expect(report["parameters"] as? Int == 2_871_040)
        #expect(report["fingerprint"] as? String == (try ModelLoading().load().identity.fingerprint))
    }

    /// The fixture judge with another last weight.
    private func judge(ending bytes: [UInt8]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.judge) {
            try FileManager.default.copyItem(
                atPath: Fixtures.judge + "/" + name,
                toPath: folder.file(name)
            )
        }
        let url = folder.url.appending(path: "model.safetensors")
        let data = try Data(contentsOf: url)
        try (data.dropLast(bytes.count) + Data(bytes)).write(to: url)
        return folder
    }

    @Test("weights are not looked at, except with --check-weights")
    func weights() async throws {
        let folder = try judge(ending: [0xC0, 0x7F])
        let plain = try await Shell.run(["inspect", "--json", "--model", folder.path])
        #expect(plain.status == 0, "\(plain.errors)")
        let checked = try await Shell.run(["inspect", "--check-weights", "--model", folder.path])
        #expect(checked.status == 1)
        #expect(checked.output.isEmpty)
        #expect(checked.errorLines.count == 1, "\(checked.errors)")
    }

    @Test("a model that cannot fit is refused before it is loaded, unless that is forced")
    func memory() throws {
        var loading = ModelLoading(model: Fixtures.judge)
        loading.available = { AvailableMemory(byteCount: 1 << 20, source: .machine) }
        let error = #expect(throws: MemoryError.self) { try loading.load() }
        #expect(try #require(error).description.contains("the machine leaves 1.0 MiB"))
        loading.ignoresMemory = true
        #expect(try loading.load().identity.name == "judge")
        loading.ignoresMemory = false
        loading.available = { nil }
        #expect(try loading.load().identity.name == "judge")
    }

    @Test(
        "what is no model is one line on stderr and exit code 1",
        arguments: [
            ["--model", "/nowhere"], ["--model", "/dev/null"], ["--mmproj", "x.gguf"], ["--threads", "0"],
        ]
    )
    func refusals(_ arguments: [String]) async throws {
        let outcome = try await Shell.run(["inspect"] + arguments)
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    }
}
