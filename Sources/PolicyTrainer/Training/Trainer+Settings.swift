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
