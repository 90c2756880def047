import Foundation
import TestSupport
import Testing

@Suite("Both programs together", .serialized)
struct TrainingEndToEndTests {
    @Test(
        "two epochs with either embedded policy and the embedded judge over HTTP, then evaluation and report",
        .timeLimit(.minutes(10)),
        arguments: ["embedded", "embedded-qwen"]
    )
    func train(policy: String) async throws {
        let pair = try await Pair()
        let trained = try await Programs.run(
            Programs.trainer,
            pair.arguments("run", epochs: 2) + ["policy=\(policy)"]
        )
        #expect(trained.status == 0, "\(trained.errors)")
        let metrics = try String(contentsOfFile: pair.folder.file("run/metrics.jsonl"), encoding: .utf8)
        let lines = try metrics.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let epochs = lines.filter { $0["kind"] as? String == "epoch" }
        #expect(epochs.count == 2)
        for line in epochs {
            #expect(line["groups_missing"] as? Int == 0)
            let reward = try #require(line["reward_avg"] as? Double)
            #expect(reward > 0 && reward < 1)
            #expect(try #require(line["reward_std_mean"] as? Double) > 0)
        }
        #expect(lines.filter { $0["kind"] as? String == "evaluation" }.map { $0["epoch"] as? Int } == [0, 2])

        let evaluated = try await Programs.run(
            Programs.trainer,
            [
                "evaluate", "--run", pair.folder.file("run"), "--dataset", pair.folder.file("data"),
                "--server",
                pair.url, "--json",
            ]
        )
        #expect(evaluated.status == 0, "\(evaluated.errors)")
        let summary = try #require(
            try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: [String: Any]]
        )
        let all = try #require(summary["all"])
        #expect(all["rows"] as? Int == 10)
        #expect(all["judge"] as? Double != nil && all["oracle"] as? Double != nil)

        let reported = try await Programs.run(
            Programs.trainer,
            [
                "report", "--run", pair.folder.file("run"), "--dataset", pair.folder.file("data"),
                pair.folder.file("report"),
            ]
        )
        #expect(reported.status == 0, "\(reported.errors)")
        #expect(reported.output.contains("mean oracle score"))
        for name in ["before-after.png", "curves.svg", "summary.json"] {
            #expect(FileManager.default.fileExists(atPath: pair.folder.file("report/\(name)")))
        }
        // The same weights on the same rows with the same noise: the command repeats the run's last
        // evaluation.
        let record = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(filePath: pair.folder.file("report/summary.json")))
        )
        let after = ((record as? [String: Any])?["after"] as? [String: Any])?["all"] as? [String: Any]
        for score in ["oracle", "judge"] {
            let reported = try #require(after?[score] as? Double)
            let evaluated = try #require(all[score] as? Double)
            #expect(reported == evaluated, "\(score)")
        }
    }

    @Test("four epochs equal two, kill -9, and two more, bit for bit", .timeLimit(.minutes(10)))
    func kill() async throws {
        let pair = try await Pair()
        let whole = try await Programs.run(Programs.trainer, pair.arguments("whole", epochs: 4))
        #expect(whole.status == 0, "\(whole.errors)")
        let victim = try Programs.start(
            Programs.trainer,
            pair.arguments("killed", epochs: 4),
            log: pair.folder.file("killed.log")
        )
        while victim.isRunning, !pair.checkpoints("killed").contains("epoch-000002") {
            try await Task.sleep(for: .milliseconds(2))
        }
        Foundation.kill(victim.identifier, SIGKILL)
        _ = try await victim.waitForStatus()
        #expect(!pair.checkpoints("killed").contains("epoch-000004"), "the run was over before it was killed")
        let resumed = try await Programs.run(
            Programs.trainer,
            pair.arguments("killed", epochs: 4, resume: true)
        )
        #expect(resumed.status == 0, "\(resumed.errors)")
        for epoch in 0...4 {
            #expect(
                try pair.state("whole", epoch: epoch) == pair.state("killed", epoch: epoch),
                "epoch \(epoch)"
            )
        }
    }

    @Test("SIGINT finishes the epoch, saves, and exits with 130", .timeLimit(.minutes(10)))
    func interrupt() async throws {
        let pair = try await Pair()
        let running = try Programs.start(
            Programs.trainer,
            pair.arguments("stopped", epochs: 500),
            log: pair.folder.file("stopped.log")
        )
        while running.isRunning, !pair.checkpoints("stopped").contains("epoch-000001") {
            try await Task.sleep(for: .milliseconds(20))
        }
        Foundation.kill(running.identifier, SIGINT)
        #expect(try await running.waitForStatus() == 130, "\(running.errors)")
        let last = try #require(pair.checkpoints("stopped").last)
        let latest = try FileManager.default.destinationOfSymbolicLink(
            atPath: pair.folder.file("stopped/checkpoints/latest")
        )
        #expect(latest == last)
    }

    @Test("without a server the trainer says so within ten seconds", .timeLimit(.minutes(2)))
    func noServer() async throws {
        let pair = try await Pair()
        var arguments = pair.arguments("none", epochs: 1)
        arguments.append("servers=[http://127.0.0.1:1]")
        let start = ContinuousClock.now
        let outcome = try await Programs.run(Programs.trainer, arguments)
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("no reward server is ready"))
        #expect(start.duration(to: .now) < .seconds(12))
        #expect(!FileManager.default.fileExists(atPath: pair.folder.file("none")))
    }
}
