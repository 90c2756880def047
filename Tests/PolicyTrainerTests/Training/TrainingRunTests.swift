import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Runs of the trainer")
struct TrainingRunTests {
    @Test("four epochs equal two, an end, and two more, bit for bit")
    func resume() async throws {
        let tiny = try TinyRun()
        try await tiny.train(tiny.configuration("whole", epochs: 4))
        try await tiny.train(tiny.configuration("parts", epochs: 2))
        try await tiny.train(tiny.configuration("parts", epochs: 4), resume: "latest")
        for epoch in 0...4 {
            #expect(
                try tiny.state("whole", epoch: epoch) == tiny.state("parts", epoch: epoch),
                "epoch \(epoch)"
            )
        }
        #expect(try tiny.state("whole", epoch: 3) != tiny.state("whole", epoch: 4))
        for kind in ["epoch", "step"] {
            let whole = try tiny.metrics("whole", kind: kind)
            let parts = try tiny.metrics("parts", kind: kind)
            #expect(whole.count == (kind == "epoch" ? 4 : 8))
            #expect(whole.map { $0["epoch"] as? Int } == parts.map { $0["epoch"] as? Int })
            for key in ["reward_avg", "policy_loss", "gradient_norm"] {
                #expect(whole.map { $0[key] as? Double } == parts.map { $0[key] as? Double })
            }
        }
    }

    @Test("going back to an older checkpoint forgets what came after it, and repeats it exactly")
    func back() async throws {
        let tiny = try TinyRun()
        let configuration = tiny.configuration("run", epochs: 3)
        try await tiny.train(configuration)
        let end = try tiny.state("run", epoch: 3)
        let first = configuration.output + "/checkpoints/epoch-000001"
        try await tiny.train(configuration, resume: first)
        #expect(try tiny.state("run", epoch: 3) == end)
        #expect(try tiny.metrics("run", kind: "epoch").count == 3)
        #expect(try tiny.metrics("run", kind: "evaluation").map { $0["epoch"] as? Int } == [0, 2, 3])
    }

    @Test("results do not depend on threads and servers")
    func threads() async throws {
        let tiny = try TinyRun()
        var one = tiny.configuration("one", epochs: 1)
        one.threads = 1
        var three = tiny.configuration("three", epochs: 1)
        three.threads = 3
        three.servers = [tiny.judge.url, tiny.judge.url]
        three.gradientCheckpointing = true
        try await tiny.train(one)
        try await tiny.train(three)
        #expect(try tiny.state("one", epoch: 1) == tiny.state("three", epoch: 1))
    }

    @Test("the first epoch is on policy, later ones are not")
    func onPolicy() async throws {
        let tiny = try TinyRun()
        try await tiny.train(tiny.configuration("run", epochs: 2))
        let steps = try tiny.metrics("run", kind: "step")
        #expect(steps[0]["old_deviate"] as? Double == 0)
        #expect(try #require(steps[2]["old_deviate"] as? Double) > 0)
        #expect(try #require(steps[0]["gradient_norm"] as? Double) > 0)
        #expect(steps.map { $0["step"] as? Int } == [1, 2, 3, 4])
    }

    @Test("a group with a missing score is dropped and counted, never imputed")
    func missing() async throws {
        let tiny = try TinyRun { request, _ in
            guard request.edits.count == 3,
                request.instruction.hasPrefix("remove") || request.instruction.hasPrefix("add")
            else { return nil }
            return .reply(
                status: 200,
                body: JudgeReplies.body([
                    .score(JudgeReplies.score(1)), .failure(ScoreFailure(type: "model_error", message: "no")),
                    .score(JudgeReplies.score(0)),
                ])
            )
        }
        var configuration = tiny.configuration("run", epochs: 2)
        configuration.groupsPerEpoch = 10
        configuration.groupsPerBatch = 5
        configuration.evaluateEvery = 0
        try await tiny.train(configuration)
        for line in try tiny.metrics("run", kind: "epoch") {
            // Every row is drawn once an epoch; two of the five operations fail.
            #expect(line["groups_missing"] as? Int == 4)
            #expect(line["groups_kept"] as? Int == 6)
            #expect(line["trained_prompt_num"] as? Int == 6)
        }
        let items = try tiny.metrics("run", kind: "step").map { $0["items"] as? Int }
        // Six groups of three at two noise levels, in two steps.
        #expect(items == [18, 18, 18, 18])
    }

    @Test("when no group is scored the run ends with the reason, and continues later")
    func nothing() async throws {
        let isBroken = Lock(true)
        let tiny = try TinyRun { _, _ in
            isBroken.withLock { $0 } ? .reply(status: 422, body: Data("bad rubric".utf8)) : nil
        }
        let configuration = tiny.configuration("run", epochs: 1)
        do {
            try await tiny.train(configuration)
            Issue.record("trained without scores")
        } catch RewardError.nothingScored(let epoch, let reason) {
            #expect(epoch == 0)
            #expect(reason.contains("bad rubric"))
        }
        isBroken.withLock { $0 = false }
        try await tiny.train(configuration, resume: "latest")
        #expect(try tiny.metrics("run", kind: "epoch").count == 1)
    }

    @Test("a run that cannot work is refused before anything is written")
    func refusals() async throws {
        let tiny = try TinyRun()
        func refused(_ change: (inout TrainerConfiguration) -> Void) async throws -> String {
            var configuration = tiny.configuration("refused", epochs: 1)
            change(&configuration)
            do {
                try await tiny.train(configuration)
                return "not refused"
            } catch {
                #expect(!FileManager.default.fileExists(atPath: configuration.output))
                return "\(error)"
            }
        }
        #expect(try await refused { $0.groupSize = 1 }.contains("groupSize"))
        #expect(try await refused { $0.groupsPerEpoch = 12 }.contains("10 rows"))
        #expect(try await refused { $0.dataset += "/none" }.contains("no such folder"))
        #expect(try await refused { $0.resolution = 40 }.contains("resolution"))
        #expect(try await refused { $0.lora.targets = ["attn.to_x"] }.contains("attn.to_x"))
        let image = tiny.folder.file("data/images/000004.png")
        try FileManager.default.removeItem(atPath: image)
        #expect(try await refused { _ in }.contains("line 5"))
    }

    @Test("a run is not overwritten, and not continued under other settings")
    func conflicts() async throws {
        let tiny = try TinyRun()
        var configuration = tiny.configuration("run", epochs: 1)
        try await tiny.train(configuration)
        await #expect(throws: CheckpointError.occupied(path: configuration.output)) {
            try await tiny.train(configuration)
        }
        configuration.nft.beta = 0.5
        await #expect(throws: ConfigurationError.self) {
            try await tiny.train(configuration, resume: "latest")
        }
        configuration = tiny.configuration("run", epochs: 1)
        try Data("{\"prompt\": \"x\", \"image\": \"images/000001.png\"}\n".utf8)
            .write(to: URL(filePath: configuration.dataset + "/train_metadata.jsonl"))
        configuration.groupsPerEpoch = 1
        await #expect(throws: (any Error).self) {
            try await tiny.train(configuration, resume: "latest")
        }
    }

    @Test("a signal ends the run after the epoch, with the state saved")
    func signal() async throws {
        let tiny = try TinyRun()
        let configuration = tiny.configuration("run", epochs: 4)
        var run = try await TrainingRun(
            configuration: configuration,
            policyFolder: try EmbeddedPolicy.folder(),
            resume: nil,
            token: nil
        )
        let asked = Lock(0)
        let ending = try await run.train {
            asked.withLock { count in
                count += 1
                return count > 2 ? 130 : nil
            }
        }
        #expect(ending == .stopped(status: 130))
        #expect(try CheckpointStore.resolve("latest", run: configuration.output).hasSuffix("epoch-000002"))
    }

    @Test("the report compares the first and the last evaluation")
    func report() async throws {
        let tiny = try TinyRun()
        try await tiny.train(tiny.configuration("run", epochs: 2))
        let report = try RunReport(run: tiny.folder.file("run"), dataset: tiny.folder.file("data"))
        #expect(report.summary.epochs == 2)
        #expect(report.summary.groupsKept + report.summary.groupsFiltered == 4)
        #expect(report.summary.before.all.rows == 4)
        #expect(report.summary.before.all.oracle != nil && report.summary.after.all.judge != nil)
        let output = tiny.folder.file("report")
        try report.write(to: output)
        let picture = try ImageDecoder.decode(contentsOf: "\(output)/before-after.png")
        #expect(picture.width > 4 * 288)
        let curves = try String(contentsOfFile: "\(output)/curves.svg", encoding: .utf8)
        #expect(curves.hasPrefix("<svg") && curves.contains("oracle"))
        #expect(FileManager.default.fileExists(atPath: "\(output)/summary.json"))
        #expect(report.table.contains("mean oracle score"))
    }

    @Test("held-out rows improve under a reward that the policy can follow")
    func learning() async throws {
        let tiny = try TinyRun()
        var configuration = tiny.configuration("run", epochs: 12)
        configuration.groupsPerEpoch = 4
        configuration.groupsPerBatch = 4
        configuration.groupSize = 6
        configuration.optimizer.gradientStepsPerEpoch = 1
        configuration.oldPolicy.decayType = 0
        configuration.statistics.std = .group
        configuration.checkpointEvery = 0
        configuration.evaluateEvery = 12
        configuration.samplesEvery = 0
        try await tiny.train(configuration)
        let rewards = try tiny.metrics("run", kind: "evaluation").compactMap {
            $0["eval_reward_avg"] as? Double
        }
        #expect(rewards.count == 2)
        #expect(try #require(rewards.last) > #require(rewards.first), "\(rewards)")
    }
}
