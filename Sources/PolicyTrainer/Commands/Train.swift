import ArgumentParser
import Foundation

/// Improves a policy.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Improve a policy by DiffusionNFT with the scores of reward servers.",
        discussion: """
            Keys are documented by --print-config. A run folder holds config.yaml, metrics.jsonl, checkpoints/, \
            evaluations/ and samples/. The first SIGINT or SIGTERM finishes the epoch and saves; the exit status is \
            then 130 or 143. An API key for the servers is read from the environment variable EDIT_R1_API_KEY.
            """
    )

    @Option(help: "YAML file with the run's configuration.")
    var config: String?

    @Option(help: "Continue a run: \"latest\", or the folder of a checkpoint.")
    var resume: String?

    @Flag(
        name: .customLong("print-config"),
        help: "Print the configuration with every key explained, and stop."
    )
    var printConfig = false

    @Argument(
        help: "Settings that replace those of the file, such as nft.beta=0.5 servers=[http://127.0.0.1:8080]."
    )
    var overrides: [String] = []

    func run() async throws {
        var settings = try config.map { try TrainerConfiguration(contentsOf: $0) } ?? TrainerConfiguration()
        for override in overrides {
            try settings.apply(override: override)
        }
        if printConfig {
            print(settings.yaml(isDocumented: true), terminator: "")
            return
        }
        var run = try await TrainingRun(
            configuration: settings,
            policyFolder: EmbeddedPolicy.folder(named: settings.policy),
            resume: resume,
            token: ProcessInfo.processInfo.environment["EDIT_R1_API_KEY"]
        )
        let stop = StopSignal()
        switch try await run.train(until: { stop.exitStatus }) {
        case .finished, .timeOver: break
        case .stopped(let status): throw ExitCode(status)
        }
    }
}
