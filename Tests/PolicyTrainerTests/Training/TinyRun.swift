import Foundation
import Imaging
import Shared
import TestSupport

@testable import PolicyTrainer

/// A run that is small enough for a test: the embedded policy, a few rows of the ShapeEdit world, and a judge
/// that looks at one colour.
struct TinyRun {
    let folder: TemporaryFolder
    let judge: ScriptedServer

    /// Writes the dataset and starts the judge.
    ///
    /// - Parameter reaction: Replaces the judge's answer; gets the request and its number.
    /// - Throws: What the file system or the socket throws.
    init(reaction: (@Sendable (EditScoresRequest, Int) -> ScriptedServer.Reaction?)? = nil) throws {
        folder = try TemporaryFolder()
        try ShapeDatasetWriter.write(
            ShapeDatasetOptions(count: 10, testCount: 4, seed: 3),
            to: folder.url.appending(path: "data")
        )
        let number = Lock(0)
        judge = try ScriptedServer { request in
            guard request.path == "/v1/edit-scores" else { return .reply(status: 200) }
            guard let sent = try? JSONDecoder().decode(EditScoresRequest.self, from: request.body) else {
                return .reply(status: 400)
            }
            let position = number.withLock { number in
                defer { number += 1 }
                return number
            }
            if let reply = reaction?(sent, position) { return reply }
            return .reply(
                status: 200,
                body: JudgeReplies.body(scores: sent.edits.map { TinyRun.redness($0.image) })
            )
        }
    }

    /// A configuration of two groups of three, with two optimiser steps per epoch.
    func configuration(_ name: String, epochs: Int) -> TrainerConfiguration {
        var configuration = TrainerConfiguration()
        configuration.dataset = folder.file("data")
        configuration.output = folder.file(name)
        configuration.servers = [judge.url]
        configuration.epochs = epochs
        configuration.resolution = 48
        configuration.maxSequenceLength = 0
        configuration.groupsPerEpoch = 2
        configuration.groupsPerBatch = 1
        configuration.groupSize = 3
        configuration.rollout.steps = 3
        configuration.optimizer.learningRate = 1e-2
        configuration.optimizer.gradientStepsPerEpoch = 2
        configuration.lora.rank = 2
        configuration.lora.alpha = 4
        configuration.microBatch = 2
        configuration.shardSize = 2
        configuration.checkpointEvery = 1
        configuration.keepCheckpoints = 10
        configuration.evaluateEvery = 2
        configuration.evaluation.steps = 2
        configuration.samplesEvery = 2
        configuration.rewards.attempts = 2
        return configuration
    }

    /// Trains to the end.
    func train(_ configuration: TrainerConfiguration, resume: String? = nil) async throws {
        var run = try await TrainingRun(
            configuration: configuration,
            policyFolder: try EmbeddedPolicy.folder(named: configuration.policy),
            resume: resume,
            token: nil
        )
        _ = try await run.train { nil }
    }

    /// The bytes of all numbers of a checkpoint.
    func state(_ name: String, epoch: Int) throws -> Data {
        let folder = folder.file(name) + "/checkpoints/" + CheckpointStore.name(epoch: epoch)
        return try Data(contentsOf: URL(filePath: "\(folder)/state.safetensors"))
    }

    /// The lines of a run's metrics of one kind.
    func metrics(_ name: String, kind: String) throws -> [[String: Any]] {
        try Metrics.lines(of: folder.file(name) + "/metrics.jsonl").map(\.object).filter {
            $0["kind"] as? String == kind
        }
    }

    /// The mean of a picture's red samples, kept below what the filter takes for solved.
    private static func redness(_ uri: String) -> Double {
        guard let bytes = try? DataURI(uri).bytes, let image = try? ImageDecoder.decode(bytes, name: "edit")
        else {
            return 0
        }
        let red = stride(from: 0, to: image.pixels.count, by: 3).reduce(0) { $0 + Int(image.pixels[$1]) }
        let mean = Double(red) / Double(image.pixels.count / 3) / 255
        return 0.8 * mean
    }
}
