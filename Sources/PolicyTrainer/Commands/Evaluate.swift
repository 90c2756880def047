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
            of 'dataset shapes'. The same row gets the same noise in every evaluation. With --run, everything that is \
            left out is as in the run's own evaluations, so that its last one is repeated bit for bit.
            """
    )

    @Option(help: "diffusers folder of the policy, or \(EmbeddedPolicy.names); the run's, else \"embedded\".")
    var policy: String?

    @Option(help: "PEFT folder of an adapter.")
    var lora: String?

    @Option(name: .customLong("run"), help: "Run folder of 'train'; its latest averaged adapter is used.")
    var runFolder: String?

    @Option(help: "Dataset folder in the Edit-R1 layout.")
    var dataset: String

    @Option(help: "How many test rows, 0 = all; the run's number, else all.")
    var rows: Int?

    @Option(help: "Address of a reward server; none = no judge's score.")
    var server: String?

    @Option(help: "Side of the square images in pixels; the run's, else 48.")
    var resolution: Int?

    @Option(help: "Solver steps; the run's, else 15.")
    var steps: Int?

    @Option(
        help: "Solver: \(SolverKind.allCases.map(\.rawValue).joined(separator: ", ")); the run's, else flow."
    )
    var solver: SolverKind?

    @Option(help: "Seed of the noise; the run's, else 42.")
    var seed: Int?

    @Option(help: "Distilled guidance, for models that take it; the run's, else 2.5.")
    var guidance: Double?

    @Option(
        name: .customLong("max-sequence-length"),
        help: "T5 tokens of an instruction, 0 = the tokenizer's number; the run's, else 0."
    )
    var maxSequenceLength: Int?

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
        guard rows ?? 0 >= 0, seed ?? 0 >= 0, steps ?? 1 > 0, resolution ?? 1 > 0 else {
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
        let settings = try settings()
        let runner = try PolicyRunner(
            folder: EmbeddedPolicy.folder(named: settings.policy),
            configuration: settings
        )
        let adapterFolder =
            try lora ?? runFolder.map { try CheckpointStore.resolve("latest", run: $0) + "/lora" }
        let adapter = try adapterFolder.map {
            try LoRAAdapter.read(path: $0, for: runner.policy.transformer)
        }
        var client: ScoreClient?
        if let server {
            let token = ProcessInfo.processInfo.environment["EDIT_R1_API_KEY"]
            let connected = try ScoreClient(urls: [server], token: token)
            _ = try await connected.waitUntilReady()
            client = connected
        }
        let evaluator = Evaluator(
            examples: Array(
                examples.prefix(settings.evaluation.rows == 0 ? examples.count : settings.evaluation.rows)
            ),
            runner: runner,
            steps: settings.evaluation.steps,
            solver: settings.evaluation.solver,
            seeds: SeedTree(seed: UInt64(settings.seed))["evaluation"]
        )
        let results = try await evaluator.run(adapter: adapter, client: client)
        let summary = EvaluationSummary(
            results.map { ($0.example, $0.reward) },
            oracle: try OracleGrades.grade(
                results.map { ($0.example, $0.edited) },
                resolution: settings.resolution
            )
        )
        print(json ? try summary.json() : summary.table)
        if let images {
            try EvaluationSheet.table(of: Array(results.prefix(8))).write(to: images)
        }
    }

    /// The run's configuration, or the defaults of the embedded policy, with the options put in.
    private func settings() throws -> TrainerConfiguration {
        var settings = TrainerConfiguration()
        if let runFolder {
            settings = try TrainerConfiguration(contentsOf: runFolder + "/config.yaml")
        } else {
            settings.resolution = 48
            settings.maxSequenceLength = 0
        }
        if let policy { settings.policy = policy }
        if let rows { settings.evaluation.rows = rows }
        if let resolution { settings.resolution = resolution }
        if let steps { settings.evaluation.steps = steps }
        if let solver { settings.evaluation.solver = solver }
        if let seed { settings.seed = seed }
        if let guidance { settings.rollout.guidance = guidance }
        if let maxSequenceLength { settings.maxSequenceLength = maxSequenceLength }
        return settings
    }
}
