import Shared

extension Trainer {
    /// The group filter that the configuration asks for.
    var filter: GroupFilter {
        GroupFilter(
            rule: configuration.filter.rule,
            meanThreshold: configuration.filter.meanThreshold,
            standardDeviationThreshold: configuration.filter.stdThreshold
        )
    }

    /// The advantages that the configuration asks for.
    var advantage: Advantage {
        Advantage(
            deviation: configuration.statistics.std,
            mode: configuration.nft.advantageMode,
            clip: configuration.nft.advantageClip
        )
    }

    /// The loss that the configuration asks for.
    var loss: NFTLoss<Float> {
        NFTLoss(
            mixing: configuration.nft.beta,
            advantageClip: configuration.nft.advantageClip,
            divergenceWeight: configuration.nft.klWeight
        )
    }
}

extension TrainerConfiguration {
    /// How base weights are kept and multiplied, before memory is looked at.
    var baseWeightOptions: BaseWeightOptions {
        BaseWeightOptions(format: baseWeights, precision: precision)
    }

    /// What the run does, as far as memory depends on it.
    ///
    /// - Parameters:
    ///   - threads: Compute threads.
    ///   - rows: Rows of the dataset.
    /// - Returns: Sizes of a training step, which needs more than a rollout.
    func memoryWork(threads: Int, rows: Int) -> MemoryPlan.Work {
        let items = groupsPerEpoch * groupSize * timesteps / optimizer.gradientStepsPerEpoch
        return MemoryPlan.Work(
            width: resolution,
            height: resolution,
            textLength: maxSequenceLength == 0 ? nil : maxSequenceLength,
            shardSize: min(shardSize, items),
            threads: min(threads, (items + shardSize - 1) / shardSize),
            training: MemoryPlan.Work.Training(
                rank: lora.rank,
                targets: lora.targets,
                checkpointing: gradientCheckpointing ? checkpointedBlocks : 0,
                predictions: nft.klWeight > 0 ? 3 : 2,
                cachedRows: min(rows, ConditioningCache.defaultRowLimit)
            )
        )
    }

    /// Where text states and reference latents are kept on disk; nil for nowhere.
    ///
    /// - Parameter policyFingerprint: Identity of the policy's files.
    /// - Returns: A store in the folder that is named, else in the run's own.
    func conditioningStore(policyFingerprint: String) -> ConditioningStore? {
        guard conditioningCache.gibibytes > 0 else { return nil }
        return ConditioningStore(
            folder: conditioningCache.folder.isEmpty ? "\(output)/conditioning" : conditioningCache.folder,
            byteLimit: Int(conditioningCache.gibibytes * Double(1 << 30)),
            policyFingerprint: policyFingerprint
        )
    }

    /// The optimiser's settings.
    var optimizerSettings: AdamW<Float>.Settings {
        AdamW.Settings(
            learningRate: optimizer.learningRate,
            beta1: optimizer.betas[0],
            beta2: optimizer.betas[1],
            epsilon: optimizer.eps,
            weightDecay: optimizer.weightDecay,
            clipNorm: optimizer.clipNorm
        )
    }

    /// The share of the learning rate that an epoch's steps take: 1 at first, and in a straight line down to
    /// `optimizer.decayTo` at epoch `optimizer.decayEpochs`, where it stays.
    ///
    /// - Parameter epoch: The epoch, from 0.
    /// - Returns: 0 to 1.
    func learningRateShare(epoch: Int) -> Double {
        guard optimizer.decayEpochs > 0 else { return 1 }
        let done = min(1, Double(epoch) / Double(optimizer.decayEpochs))
        return 1 - done * (1 - optimizer.decayTo)
    }

    /// Rank, strength and targets of the adapter.
    var adapterConfiguration: LoRAConfiguration {
        LoRAConfiguration(rank: lora.rank, alpha: Float(lora.alpha), targets: lora.targets)
    }

    /// How requests to the judges are tried again.
    var retryPolicy: RetryPolicy {
        RetryPolicy(
            attempts: rewards.attempts,
            timeout: .seconds(rewards.timeout),
            deadline: .seconds(rewards.deadline)
        )
    }
}
