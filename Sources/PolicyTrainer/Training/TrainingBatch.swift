import Shared

/// The items of one optimiser step: which samples, at which noise levels, with which weights in the loss.
///
/// Samples come in one random order per epoch; each has its own random order of the rollout's noise levels,
/// of which the first few are used. Samples that the filter dropped count in the `micro` normaliser's
/// micro-batches and are not computed.
///
/// Source: PKU-YuanGroup/Edit-R1, training scripts.
struct TrainingBatch: Sendable {
    /// A sample at one noise level.
    struct Item: Sendable {
        /// The sample.
        let sample: EpochGroups.Sample
        /// The noise level, 0 to 1.
        let sigma: Float
        /// The position of the level in the sample's order.
        let column: Int
        /// The share in the step's loss.
        let weight: Double
    }

    /// The items; items of one micro-batch and column stand together.
    let items: [Item]

    /// The steps of one epoch.
    ///
    /// - Parameters:
    ///   - samples: All samples of the epoch.
    ///   - sigmas: The rollout's noise levels without the final 0.
    ///   - configuration: Sizes and the normaliser.
    ///   - seeds: The run's random numbers.
    ///   - epoch: The epoch.
    /// - Returns: `gradientStepsPerEpoch` batches.
    static func steps(
        of samples: [EpochGroups.Sample],
        sigmas: [Float],
        configuration: TrainerConfiguration,
        seeds: SeedTree,
        epoch: Int
    ) -> [TrainingBatch] {
        var generator = seeds["shuffle", epoch].generator
        let shuffled = samples.shuffled(using: &generator)
        let count = configuration.optimizer.gradientStepsPerEpoch
        return (0..<count).map { step in
            let part = shuffled[(shuffled.count * step / count)..<(shuffled.count * (step + 1) / count)]
            return TrainingBatch(
                Array(part),
                sigmas: sigmas,
                configuration: configuration,
                seeds: seeds["timesteps", epoch]
            )
        }
    }

    private init(
        _ samples: [EpochGroups.Sample],
        sigmas: [Float],
        configuration: TrainerConfiguration,
        seeds: SeedTree
    ) {
        let microBatches = Shards(count: samples.count, size: configuration.microBatch).ranges.map {
            samples[$0]
        }
        let weights = configuration.nft.normaliser.weights(
            masks: microBatches.map { $0.map(\.isKept) },
            timesteps: configuration.timesteps
        )
        var items: [Item] = []
        for (microBatch, weight) in zip(microBatches, weights) {
            let kept = microBatch.filter(\.isKept)
            let orders = kept.map { sample in
                var generator = seeds[sample.row, sample.candidate].generator
                return sigmas.indices.shuffled(using: &generator)
            }
            for column in 0..<configuration.timesteps {
                for (sample, order) in zip(kept, orders) {
                    items.append(
                        Item(sample: sample, sigma: sigmas[order[column]], column: column, weight: weight)
                    )
                }
            }
        }
        self.items = items
    }
}
