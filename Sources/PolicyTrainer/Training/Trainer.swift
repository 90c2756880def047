import Foundation
import Imaging
import Shared

/// Improves a policy by DiffusionNFT with the judges' scores as reward.
///
/// The loop only names steps; every formula lives in its step's own file. Nothing here depends on timing: the
/// same configuration gives the same bits for any number of threads, servers and interruptions.
///
/// Source: arXiv:2509.16117 and arXiv:2510.16888; PKU-YuanGroup/Edit-R1, `scripts/train_nft_kontext.py`.
struct Trainer {
    /// What the run was told.
    let configuration: TrainerConfiguration
    /// The policy.
    let runner: PolicyRunner
    /// The training rows.
    let dataset: JSONLinesDataset
    /// The judges.
    let client: ScoreClient
    /// What changes as the run trains.
    private(set) var state: TrainerState
    /// Identity of the judge that answered last.
    private(set) var judgeFingerprint: String?
    private let sampler: GroupSampler
    private let seeds: SeedTree
    private let cache: ConditioningCache
    private let progress: ProgressReporter

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - configuration: A valid configuration.
    ///   - runner: The policy.
    ///   - dataset: The training rows.
    ///   - client: The judges.
    ///   - state: Where the run stands.
    ///   - progress: Who is told.
    init(
        configuration: TrainerConfiguration,
        runner: PolicyRunner,
        dataset: JSONLinesDataset,
        client: ScoreClient,
        state: TrainerState,
        progress: ProgressReporter
    ) {
        self.configuration = configuration
        self.runner = runner
        self.dataset = dataset
        self.client = client
        self.state = state
        self.progress = progress
        seeds = SeedTree(seed: UInt64(configuration.seed))
        cache = ConditioningCache(
            examples: dataset.examples,
            runner: runner,
            store: configuration.conditioningStore(policyFingerprint: runner.policy.fingerprint)
        )
        sampler = GroupSampler(
            rowCount: dataset.examples.count,
            groupsPerBatch: configuration.groupsPerBatch,
            groupSize: configuration.groupSize,
            batchesPerEpoch: configuration.groupsPerEpoch / configuration.groupsPerBatch,
            seed: UInt64(configuration.seed)
        )
    }

    /// Draws, scores and learns once.
    ///
    /// - Returns: What happened.
    /// - Throws: ``RewardError`` when the judges refuse or score nothing; what the policy or the images
    ///   throw.
    mutating func runEpoch() async throws -> EpochReport {
        let epoch = state.epoch
        var seconds = EpochReport.Seconds()
        let clock = Stopwatch()
        var waiting: [(candidates: [Candidates], scores: BlockingWork<Result<JudgeReply, RewardError>>)] = []
        for batch in sampler.batches(epoch: epoch, banned: Set(state.bannedRows)) {
            progress.phase("rollout", epoch: epoch)
            let candidates = try draw(batch.rows, epoch: epoch)
            waiting.append((candidates, client.submit(candidates.map(\.request))))
        }
        seconds.rollout = clock.lap()
        progress.phase("scoring", epoch: epoch)
        var scored: [ScoredGroup] = []
        var pictures: [EpochReport.Pictures] = []
        var replies: [JudgeReply] = []
        for (candidates, scores) in waiting {
            let answers = try await scores.values().map { try $0.get() }
            for (candidates, answer) in zip(candidates, answers) {
                guard let group = candidates.scored(by: answer.scores) else { continue }
                scored.append(group)
                if pictures.count < SampleSheet.groupCount {
                    pictures.append(.init(request: candidates.request, rewards: group.rewards))
                }
            }
            replies += answers
        }
        seconds.scoring = clock.lap()
        judgeFingerprint = replies.compactMap(\.fingerprint).last ?? judgeFingerprint
        guard !scored.isEmpty else { throw nothingScored(replies, epoch: epoch) }

        progress.phase("training", epoch: epoch)
        let groups = EpochGroups(scored, advantage: advantage, filter: filter)
        let (steps, norms) = try learn(from: groups, epoch: epoch)
        let decay =
            OldPolicyUpdate(rawValue: configuration.oldPolicy.decayType)?.decay(step: state.globalStep) ?? 0
        state.old = state.old.lerp(to: state.current, weight: Float(1 - decay))
        state.seenRows.formUnion(scored.map(\.row))
        ban(groups)
        state.epoch += 1
        seconds.training = clock.lap()
        return EpochReport(
            epoch: epoch,
            groups: groups,
            replies: replies,
            pictures: pictures,
            steps: steps,
            gradientNorms: norms,
            learningRate: configuration.optimizer.learningRate
                * configuration.learningRateShare(epoch: epoch),
            seconds: seconds,
            oldDistance: state.oldDistance,
            globalStep: state.globalStep,
            seenRows: state.seenRows.count,
            bannedRows: state.bannedRows.count
        )
    }

    /// Takes the epoch's optimiser steps.
    private mutating func learn(
        from groups: EpochGroups,
        epoch: Int
    ) throws -> (steps: [GradientStep.Totals], norms: [Double]) {
        let sigmas = try runner.sigmas(steps: configuration.rollout.steps).dropLast()
        let step = GradientStep(
            runner: runner,
            loss: loss,
            checkpointing: configuration.gradientCheckpointing ? configuration.checkpointedBlocks : 0,
            noise: seeds["noise", epoch]
        )
        let rows = groups.groups.map(\.row)
        let conditionings = Dictionary(
            zip(rows, try cache.entries(rows).map(\.conditioning)),
            uniquingKeysWith: { first, _ in first }
        )
        let batches = TrainingBatch.steps(
            of: groups.samples,
            sigmas: Array(sigmas),
            configuration: configuration,
            seeds: seeds,
            epoch: epoch
        )
        var steps: [GradientStep.Totals] = []
        var norms: [Double] = []
        let average = MovingAverage(limit: configuration.ema)
        for batch in batches {
            let totals = step.totals(
                of: batch,
                conditionings: conditionings,
                current: state.current,
                old: state.isOnPolicy ? nil : state.old
            )
            let parameters = state.current.parameters()
            let gradients = parameters.map { name, tensor in
                totals.gradients[name]?.values ?? [Float](repeating: 0, count: tensor.count)
            }
            var values = parameters.map(\.tensor.values)
            norms.append(
                state.optimizer.step(
                    &values,
                    gradients: gradients,
                    rateShare: configuration.learningRateShare(epoch: epoch)
                )
            )
            state.current.replaceValues(with: values)
            state.globalStep += 1
            let decay = average.decay(step: state.globalStep)
            state.average = state.average.lerp(to: state.current, weight: Float(1 - decay))
            steps.append(totals)
        }
        return (steps, norms)
    }

    /// Draws the candidates of some rows with the old adapter.
    private func draw(_ rows: [Int], epoch: Int) throws -> [Candidates] {
        let entries = try cache.entries(rows)
        let size = configuration.groupSize
        let noise = seeds["rollout", epoch]
        let latents = try runner.sample(
            zip(rows, entries).flatMap { row, entry in
                (0..<size).map { (entry.conditioning, runner.noise(noise[row, $0])) }
            },
            adapter: state.old,
            steps: configuration.rollout.steps,
            solver: configuration.rollout.solver
        )
        let pictures = try runner.decode(latents)
        return zip(rows, entries).enumerated().map { index, item in
            let example = dataset.examples[item.0]
            return Candidates(
                row: item.0,
                latents: Array(latents[(index * size)..<((index + 1) * size)]),
                request: JudgeRequest(
                    source: item.1.source,
                    instruction: example.instruction,
                    requirement: example.requirement,
                    candidates: Array(pictures[(index * size)..<((index + 1) * size)])
                )
            )
        }
    }

    /// Bans solved rows when the configuration asks for it; the oldest bans are lifted when too few rows
    /// remain.
    private mutating func ban(_ groups: EpochGroups) {
        guard configuration.filter.banRows else { return }
        for (group, statistics) in zip(groups.groups, groups.statistics)
        where filter.bans(mean: statistics.mean, standardDeviation: statistics.standardDeviation) {
            state.bannedRows.append(group.row)
        }
        let surplus = state.bannedRows.count - (dataset.examples.count - configuration.groupsPerEpoch)
        state.bannedRows.removeFirst(max(0, min(surplus, state.bannedRows.count)))
    }

    private func nothingScored(_ replies: [JudgeReply], epoch: Int) -> RewardError {
        for case .missing(let reason) in replies.map(\.scores) {
            return .nothingScored(epoch: epoch, reason: reason)
        }
        return .nothingScored(epoch: epoch, reason: "no group was drawn")
    }
}
