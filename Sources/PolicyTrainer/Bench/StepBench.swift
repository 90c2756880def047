import Foundation
import Imaging
import Shared

/// An optimiser step's gradient of the embedded policy at 48×48 pixels: current, old and reference predictions of all items.
struct StepBench {
    /// Items of a step: two shards for each of two threads.
    static let itemCount = 96

    private let runner: PolicyRunner
    private let step: GradientStep
    private let batch: TrainingBatch
    private let conditionings: [Int: EditConditioning]
    private let current: LoRAAdapter
    private let old: LoRAAdapter

    /// Arithmetic of a step, for a policy whose width and blocks are known.
    let operations: Double

    /// Loads the policy and draws items.
    ///
    /// - Throws: ``PolicyError`` or `WeightError` that names a file.
    init() throws {
        var configuration = TrainerConfiguration()
        configuration.resolution = 48
        configuration.maxSequenceLength = 0
        configuration.shardSize = 24
        configuration.rollout.steps = 2
        configuration.nft.timestepFraction = 0.5
        configuration.filter.rule = .none
        let runner = try PolicyRunner(folder: EmbeddedPolicy.folder(), configuration: configuration)
        let seeds = SeedTree(seed: 5)
        let groupSize = 12
        let groups = (0..<(Self.itemCount / groupSize)).map { row in
            ScoredGroup(
                row: row,
                latents: (0..<groupSize).map { runner.noise(seeds["latent", row, $0]) },
                rewards: (0..<groupSize).map { Double($0) / Double(groupSize) }
            )
        }
        let epoch = EpochGroups(
            groups,
            advantage: Advantage(
                deviation: configuration.statistics.std,
                mode: configuration.nft.advantageMode,
                clip: configuration.nft.advantageClip
            ),
            filter: GroupFilter(rule: .none, meanThreshold: 1, standardDeviationThreshold: 0)
        )
        batch =
            TrainingBatch.steps(
                of: epoch.samples,
                sigmas: [1, 0.6],
                configuration: configuration,
                seeds: seeds,
                epoch: 0
            )[0]
        let rows = groups.map { group in
            var generator = seeds["picture", group.row].generator
            let pixels = (0..<(3 * 48 * 48)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            return (
                instruction: "make the red circle blue",
                image: PixelImage(width: 48, height: 48, pixels: pixels)
            )
        }
        conditionings = Dictionary(
            zip(groups.map(\.row), try runner.conditioning(of: rows)),
            uniquingKeysWith: { first, _ in first }
        )
        current = try LoRAAdapter.initial(
            for: runner.policy.transformer,
            configuration: configuration.adapterConfiguration,
            seeds: seeds["lora"]
        )
        old = try LoRAAdapter.initial(
            for: runner.policy.transformer,
            configuration: configuration.adapterConfiguration,
            seeds: seeds["old"]
        )
        step = GradientStep(
            runner: runner,
            loss: NFTLoss(mixing: 1, advantageClip: 5, divergenceWeight: 1e-4),
            checkpointing: 0,
            noise: seeds["noise"]
        )
        self.runner = runner
        let folder = try EmbeddedPolicy.folder()
        let sizes = try FluxConfiguration(path: folder + "/transformer/config.json")
        let text = conditionings[0]?.text.rowCount ?? 0
        let tokens = text + 2 * runner.latentShape[0]
        // Nothing is computed again here.
        operations =
            Double(Self.itemCount)
            * (sizes.trainingOperations(tokens: tokens) - sizes.operations(tokens: tokens))
    }

    /// Computes the gradient of the step.
    func run() {
        _ = step.totals(of: batch, conditionings: conditionings, current: current, old: old)
    }
}
