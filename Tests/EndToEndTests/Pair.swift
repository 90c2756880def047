import Foundation
import TestSupport

/// A dataset, a reward server with the embedded judge, and the command line of small runs.
struct Pair {
    let folder: TemporaryFolder
    let server: Programs.Running
    let url: String

    /// Writes a dataset, starts the server, and waits until its judge is ready.
    ///
    /// - Throws: ``PairError`` when one of the programs fails.
    init() async throws {
        folder = try TemporaryFolder()
        let made = try await Programs.run(
            Programs.trainer,
            ["dataset", "shapes", "--count", "24", "--test-count", "10", "--seed", "11", folder.file("data")]
        )
        guard made.status == 0 else { throw PairError.failed(made.errors) }
        let ready = folder.file("ready.json")
        server = try Programs.start(
            Programs.server,
            ["serve", "--port", "0", "--threads", "1", "--ready-file", ready],
            log: folder.file("server.log")
        )
        struct Ready: Decodable {
            let url: String
        }
        var url: String?
        for _ in 0..<1_200 where url == nil && server.isRunning {
            try await Task.sleep(for: .milliseconds(50))
            url =
                FileManager.default.contents(atPath: ready)
                .flatMap { try? JSONDecoder().decode(Ready.self, from: $0) }?.url
        }
        guard let url else { throw PairError.failed(server.errors) }
        self.url = url
    }

    /// The arguments of a small run.
    func arguments(_ name: String, epochs: Int, resume: Bool = false) -> [String] {
        ["train"] + (resume ? ["--resume", "latest"] : []) + [
            "dataset=\(folder.file("data"))", "output=\(folder.file(name))", "servers=[\(url)]",
            "epochs=\(epochs)", "resolution=48", "maxSequenceLength=0", "groupsPerEpoch=4",
            "groupsPerBatch=2",
            "groupSize=4", "rollout.steps=4", "lora.rank=4", "lora.alpha=8", "optimizer.learningRate=0.002",
            "shardSize=8", "threads=2", "checkpointEvery=1", "keepCheckpoints=20", "evaluateEvery=2",
            "evaluation.steps=4", "samplesEvery=1",
        ]
    }

    /// The numbers of a checkpoint.
    func state(_ name: String, epoch: Int) throws -> Data {
        let path = folder.file("\(name)/checkpoints/epoch-00000\(epoch)/state.safetensors")
        return try Data(contentsOf: URL(filePath: path))
    }

    /// The epochs whose checkpoints are complete.
    func checkpoints(_ name: String) -> [String] {
        let all =
            (try? FileManager.default.contentsOfDirectory(atPath: folder.file("\(name)/checkpoints"))) ?? []
        return all.filter { $0.hasPrefix("epoch-") }.sorted()
    }
}

/// A program of the pair did not do its part.
enum PairError: Error {
    /// What it wrote to its error output.
    case failed(String)
}
