import Foundation
import Imaging
import Shared

/// One run of `train` in its folder: the trainer, its files, and when to stop.
struct TrainingRun {
    /// Where a run came to its end.
    enum Ending: Sendable, Hashable {
        /// All epochs are done.
        case finished
        /// The time is over.
        case timeOver
        /// A signal asked for the end.
        case stopped(status: Int32)
    }

    private let configuration: TrainerConfiguration
    private let store: CheckpointStore
    private let metrics: Metrics
    private let progress: ProgressReporter
    private let evaluator: Evaluator?
    private var trainer: Trainer
    private var evaluationSeconds = 0.0

    /// Checks everything, waits for a judge, and loads the policy.
    ///
    /// - Parameters:
    ///   - configuration: The configuration.
    ///   - policyFolder: The policy's folder.
    ///   - resume: `latest` or the folder of a checkpoint; nil starts a new run.
    ///   - token: API key of the judges; nil for none.
    /// - Throws: ``ConfigurationError``, ``DatasetError``, ``CheckpointError``, ``RewardError``, or what the
    ///   policy throws; nothing has been written to the run's folder then.
    init(configuration: TrainerConfiguration, policyFolder: String, resume: String?, token: String?)
        async throws
    {
        try configuration.validate()
        let dataset = try JSONLinesDataset(folder: configuration.dataset, split: .train)
        guard dataset.examples.count >= configuration.groupsPerEpoch else {
            throw ConfigurationError.rejected(
                key: "groupsPerEpoch",
                reason:
                    "is \(configuration.groupsPerEpoch), but the dataset has \(dataset.examples.count) rows"
            )
        }
        let evaluations =
            configuration.evaluateEvery > 0
            ? try JSONLinesDataset(folder: configuration.dataset, split: .test).examples : []
        let threads =
            configuration.threads > 0 ? configuration.threads : ProcessInfo.processInfo.activeProcessorCount
        let plan = try MemoryPlan.prepare(
            folder: policyFolder,
            weights: configuration.baseWeightOptions,
            work: configuration.memoryWork(threads: threads, rows: dataset.examples.count)
        )
        Parallel.configure(threads: threads, threadsOfProduct: plan.isSideBySide ? 1 : threads)
        Tensor.staysWithinPeak = !plan.isSideBySide
        let runner = try PolicyRunner(
            folder: policyFolder,
            configuration: configuration,
            weights: plan.weights,
            isSideBySide: plan.isSideBySide
        )
        let seeds = SeedTree(seed: UInt64(configuration.seed))
        let adapter = try LoRAAdapter.initial(
            for: runner.policy.transformer,
            configuration: configuration.adapterConfiguration,
            seeds: seeds["lora"]
        )
        let run = configuration.output
        if resume == nil, FileManager.default.fileExists(atPath: "\(run)/checkpoints/latest") {
            throw CheckpointError.occupied(path: run)
        }
        var state = TrainerState(adapter: adapter, settings: configuration.optimizerSettings)
        if let resume {
            let path = try CheckpointStore.resolve(resume, run: run)
            state = try TrainingRun.resumed(
                path,
                adapter: adapter,
                configuration: configuration,
                runner: runner,
                dataset: dataset
            )
        }
        let client = try ScoreClient(
            urls: configuration.servers,
            retry: configuration.retryPolicy,
            rubric: configuration.rewards.rubric.isEmpty ? nil : configuration.rewards.rubric,
            requestsInFlight: configuration.rewards.requestsInFlight,
            token: token
        )
        let notReady = try await client.waitUntilReady()
        self.configuration = configuration
        progress = ProgressReporter(epochs: configuration.epochs)
        progress.line(plan.table)
        for reason in notReady {
            progress.line("not ready, tried again later: \(reason)")
        }
        store = try CheckpointStore(run: run)
        metrics = try Metrics(run: run, resumingAt: state.epoch)
        try EvaluationRecord.removeAll(after: resume == nil ? -1 : state.epoch, run: run)
        try AtomicFile.write(Data(configuration.yaml(isDocumented: true).utf8), to: "\(run)/config.yaml")
        let count = configuration.evaluation.rows == 0 ? evaluations.count : configuration.evaluation.rows
        evaluator =
            evaluations.isEmpty
            ? nil
            : Evaluator(
                examples: Array(evaluations.prefix(count)),
                runner: runner,
                steps: configuration.evaluation.steps,
                solver: configuration.evaluation.solver,
                seeds: seeds["evaluation"]
            )
        trainer = Trainer(
            configuration: configuration,
            runner: runner,
            dataset: dataset,
            client: client,
            state: state,
            progress: progress
        )
    }

    /// Trains until the epochs or the time are over, or a signal comes.
    ///
    /// - Parameter stopStatus: Asked before every epoch; the exit status of a signal ends the run.
    /// - Returns: Why it ended; the state is saved.
    /// - Throws: What an epoch throws, after saving the state before it.
    mutating func train(until stopStatus: () -> Int32?) async throws -> Ending {
        let start = ContinuousClock.now
        var longestEpoch = 0.0
        var ending = Ending.finished
        if trainer.state.epoch == 0 { try save() }
        if trainer.state.epoch == 0 || isDue(configuration.evaluateEvery) { try await evaluate() }
        while trainer.state.epoch < configuration.epochs {
            if let status = stopStatus() {
                ending = .stopped(status: status)
                break
            }
            let left = configuration.minutes * 60 - start.duration(to: .now) / .seconds(1)
            // The last epoch and the last evaluation must fit, too.
            if configuration.minutes > 0, left < longestEpoch * 1.1 + evaluationSeconds * 1.1 {
                ending = .timeOver
                break
            }
            let clock = Stopwatch()
            do {
                try record(try await trainer.runEpoch())
            } catch {
                try save()
                throw error
            }
            longestEpoch = max(longestEpoch, clock.lap())
            if isDue(configuration.checkpointEvery) { try save() }
            if isDue(configuration.evaluateEvery) { try await evaluate() }
        }
        try save()
        if case .stopped = ending { return ending }
        try await evaluate()
        return ending
    }

    private func isDue(_ period: Int) -> Bool {
        period > 0 && trainer.state.epoch % period == 0
    }

    private func record(_ report: EpochReport) throws {
        for index in report.steps.indices {
            try metrics.append("step", report.values(ofStep: index, loss: trainer.loss))
        }
        try metrics.append("epoch", report.values(filter: trainer.filter))
        progress.finished(report)
        if configuration.samplesEvery > 0, report.epoch % configuration.samplesEvery == 0 {
            try SampleSheet.write(report, run: configuration.output)
        }
    }

    private func save() throws {
        try store.save(
            trainer.state,
            configuration: configuration,
            transformerClass: trainer.runner.policy.transformer.transformerClass,
            policyFingerprint: trainer.runner.policy.fingerprint,
            datasetHash: trainer.dataset.hash,
            judgeFingerprint: trainer.judgeFingerprint,
            keep: configuration.keepCheckpoints
        )
    }

    /// Evaluates the averaged weights, unless that was done already.
    private mutating func evaluate() async throws {
        let epoch = trainer.state.epoch
        guard let evaluator, !EvaluationRecord.exists(epoch: epoch, run: configuration.output) else { return }
        progress.phase("evaluation", epoch: epoch)
        let clock = Stopwatch()
        let results = try await evaluator.run(adapter: trainer.state.average, client: trainer.client)
        let record = try EvaluationRecord.write(results, epoch: epoch, run: configuration.output)
        let seconds = clock.lap()
        evaluationSeconds = seconds
        try metrics.append(
            "evaluation",
            [
                "epoch": .integer(epoch),
                "eval_reward_avg": .number(record.meanReward ?? .nan),
                "eval_rows": .integer(results.count),
                "eval_missing": .integer(results.count { $0.reward == nil }),
                "seconds": .number(seconds),
            ]
        )
        try EvaluationSheet.write(
            Array(results.prefix(configuration.evaluation.images)),
            epoch: epoch,
            run: configuration.output
        )
        progress.line(
            "evaluation after \(epoch) epochs: mean reward "
                + (record.meanReward.map { Text.decimal($0) } ?? "none")
                + " on \(results.count) held-out rows, \(Text.decimal(seconds, 1)) s"
        )
    }

    private static func resumed(
        _ path: String,
        adapter: LoRAAdapter,
        configuration: TrainerConfiguration,
        runner: PolicyRunner,
        dataset: JSONLinesDataset
    ) throws -> TrainerState {
        let record = try CheckpointStore.record(of: path)
        let before = try TrainerConfiguration(yaml: record.configuration, name: "\(path)/state.json")
        let changed = configuration.keysThatForbidResuming(from: before)
        guard changed.isEmpty else { throw ConfigurationError.changed(keys: changed, path: path) }
        guard record.policyFingerprint == runner.policy.fingerprint else {
            throw CheckpointError.mismatch(what: "policy", path: path)
        }
        guard record.datasetHash == dataset.hash else {
            throw CheckpointError.mismatch(what: "dataset", path: path)
        }
        return try CheckpointStore.load(
            path,
            template: adapter,
            settings: configuration.optimizerSettings
        ).state
    }
}
