import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Checkpoints")
struct CheckpointStoreTests {
    private let folder: TemporaryFolder
    private let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = try CheckpointStore(run: folder.path)
    }

    @discardableResult
    private func save(_ state: TrainerState, keep: Int = 3) throws -> String {
        try store.save(
            state,
            configuration: TrainerConfiguration(),
            transformerClass: .flux,
            policyFingerprint: "policy",
            datasetHash: "data",
            judgeFingerprint: "judge",
            keep: keep
        )
    }

    private func load(_ path: String) throws -> (state: TrainerState, record: CheckpointStore.Record) {
        try CheckpointStore.load(path, template: TinyAdapter.make(seed: 99), settings: .init())
    }

    @Test("everything comes back bit for bit")
    func roundTrip() throws {
        let state = TinyAdapter.state(epoch: 5)
        try save(state)
        let (loaded, record) = try load(try CheckpointStore.resolve("latest", run: folder.path))
        #expect(loaded.current.values == state.current.values)
        #expect(loaded.old.values == state.old.values)
        #expect(loaded.average.values == state.average.values)
        #expect(loaded.optimizer.first == state.optimizer.first)
        #expect(loaded.optimizer.second == state.optimizer.second)
        #expect(loaded.optimizer.stepCount == state.optimizer.stepCount)
        #expect(loaded.epoch == 5 && loaded.globalStep == 10)
        #expect(loaded.bannedRows == [7, 3] && loaded.seenRows == [1, 3, 7, 9])
        #expect(record.policyFingerprint == "policy" && record.judgeFingerprint == "judge")
        #expect(
            try TrainerConfiguration(yaml: record.configuration, name: "record") == TrainerConfiguration()
        )
    }

    @Test("the averaged adapter is exported for inference")
    func export() throws {
        let path = try save(TinyAdapter.state(epoch: 1))
        #expect(FileManager.default.fileExists(atPath: "\(path)/lora/adapter_model.safetensors"))
        #expect(FileManager.default.fileExists(atPath: "\(path)/lora/adapter_config.json"))
    }

    @Test("latest names the newest checkpoint, and older ones are deleted")
    func pruning() throws {
        for epoch in 1...5 {
            try save(TinyAdapter.state(epoch: epoch), keep: 2)
        }
        #expect(store.names == ["epoch-000004", "epoch-000005"])
        let latest = try CheckpointStore.resolve("latest", run: folder.path)
        #expect(latest.hasSuffix("epoch-000005"))
        #expect(try load(latest).state.epoch == 5)
    }

    @Test("saving an epoch again replaces it")
    func again() throws {
        try save(TinyAdapter.state(epoch: 1))
        var state = TinyAdapter.state(epoch: 1)
        state.globalStep = 77
        try save(state)
        #expect(store.names == ["epoch-000001"])
        #expect(try load(try CheckpointStore.resolve("latest", run: folder.path)).state.globalStep == 77)
    }

    @Test("what a crash left half written is removed and never loaded")
    func crash() throws {
        try save(TinyAdapter.state(epoch: 1))
        let half = folder.file("checkpoints/.epoch-000002")
        try FileManager.default.createDirectory(atPath: half, withIntermediateDirectories: true)
        try Data("{".utf8).write(to: URL(filePath: "\(half)/state.json"))
        let reopened = try CheckpointStore(run: folder.path)
        #expect(!FileManager.default.fileExists(atPath: half))
        #expect(reopened.names == ["epoch-000001"])
        #expect(try load(try CheckpointStore.resolve("latest", run: folder.path)).state.epoch == 1)
    }

    @Test("damaged files are refused with a reason")
    func damage() throws {
        let path = try save(TinyAdapter.state(epoch: 1))
        let file = URL(filePath: "\(path)/state.safetensors")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: file)
        #expect(throws: CheckpointError.self) { try load(path) }
        try Data("{}".utf8).write(to: URL(filePath: "\(path)/state.json"))
        #expect(throws: CheckpointError.self) { try load(path) }
        #expect(throws: CheckpointError.damaged(path: folder.file("none"), reason: "state.json is missing")) {
            try load(folder.file("none"))
        }
    }

    @Test("a run without checkpoints cannot be continued")
    func none() throws {
        #expect(throws: CheckpointError.none(run: folder.path)) {
            try CheckpointStore.resolve("latest", run: folder.path)
        }
    }

    @Test("a checkpoint of another rank is refused with the tensor's name")
    func rank() throws {
        let path = try save(TinyAdapter.state(epoch: 1))
        var template = TinyAdapter.make(seed: 1)
        let pairs = template.pairs.mapValues { pair in
            LoRAPair(a: pair.a.rows(0..<1), b: pair.b.reshaped([8, 1]))
        }
        template = LoRAAdapter(configuration: LoRAConfiguration(rank: 1, alpha: 4, targets: []), pairs: pairs)
        #expect(throws: (any Error).self) {
            try CheckpointStore.load(path, template: template, settings: .init())
        }
    }
}
