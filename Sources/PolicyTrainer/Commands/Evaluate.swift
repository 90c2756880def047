import ArgumentParser
import Foundation
import Shared

/// Measures a policy on held-out rows.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Edit the test rows of a dataset and report the mean score of the judge and of the oracle.",
        discussion: """
            The oracle compares with the target image and exists only for datasets that have targets, such as those \
            of 'dataset shapes'. The same row gets the same noise in every evaluation.
            """
    )

    @Option(help: "diffusers folder of the policy, or \"embedded\".")
    var policy = "embedded"

    @Option(help: "PEFT folder of an adapter.")
    var lora: String?

    @Option(name: .customLong("run"), help: "Run folder of 'train'; its latest averaged adapter is used.")
    var runFolder: String?

    @Option(help: "Dataset folder in the Edit-R1 layout.")
    var dataset: String

    @Option(help: "How many test rows; 0 = all.")
    var rows = 0

    @Option(help: "Address of a reward server; none = no judge's score.")
    var server: String?

    @Option(help: "Side of the square images in pixels.")
    var resolution = 48

    @Option(help: "Solver steps.")
    var steps = 15

    @Option(help: "Solver: flow or dpm2.")
    var solver = SolverKind.flow

    @Option(help: "Seed of the noise.")
    var seed = 42

    @Option(help: "Distilled guidance, for models that take it.")
    var guidance = 2.5

    @Option(
        name: .customLong("max-sequence-length"),
        help: "T5 tokens of an instruction; 0 = the tokenizer's number."
    )
    var maxSequenceLength = 0

    @Option(help: "Compute threads; 0 = one per core.")
    var threads = 0

    @Option(help: "PNG file for a picture of the first rows.")
    var images: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard lora == nil || runFolder == nil else {
            throw ValidationError("--lora and --run exclude each other")
        }
        guard rows >= 0, seed >= 0, steps > 0, resolution > 0 else {
            throw ValidationError(
                "--rows and --seed must not be negative, --steps and --resolution be positive"
            )
        }
    }

    func run() async throws {
        let examples = try JSONLinesDataset(folder: dataset, split: .test).examples
        Parallel.configure(
            threads: threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount,
            threadsOfProduct: 1
        )
        var settings = TrainerConfiguration()
        settings.resolution = resolution
        settings.rollout.guidance = guidance
        settings.maxSequenceLength = maxSequenceLength
        let folder = policy == "embedded" ? try EmbeddedPolicy.folder() : policy
        let runner = try PolicyRunner(folder: folder, configuration: settings)
        let adapterFolder =
            try lora ?? runFolder.map { try CheckpointStore.resolve("latest", run: $0) + "/lora" }
        let adapter = try adapterFolder.map {
            try PEFTFolder.read(folder: $0, for: runner.policy.transformer)
        }
        var client: ScoreClient?
        if let server {
            let token = ProcessInfo.processInfo.environment["EDIT_R1_API_KEY"]
            let connected = try ScoreClient(urls: [server], token: token)
            _ = try await connected.waitUntilReady()
            client = connected
        }
        let evaluator = Evaluator(
            examples: Array(examples.prefix(rows == 0 ? examples.count : rows)),
            runner: runner,
            steps: steps,
            solver: solver,
            seeds: SeedTree(seed: UInt64(seed))["evaluation"]
        )
        let results = try await evaluator.run(adapter: adapter, client: client)
        let summary = EvaluationSummary(
            results.map { ($0.example, $0.reward) },
            oracle: try OracleGrades.grade(results.map { ($0.example, $0.edited) }, resolution: resolution)
        )
        print(json ? try summary.json() : summary.table)
        if let images {
            try EvaluationSheet.table(of: Array(results.prefix(8))).write(to: images)
        }
    }
}
