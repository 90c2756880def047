extension TrainerConfiguration {
    /// How many noise levels every sample is trained at.
    var timesteps: Int {
        Int((Double(rollout.steps) * nft.timestepFraction).rounded(.down))
    }

    /// Refuses values that make no sense, alone or beside one another.
    ///
    /// - Throws: ``ConfigurationError/rejected(key:reason:)`` for the first one.
    func validate() throws(ConfigurationError) {
        try require(!dataset.isEmpty, "dataset", "is missing; name a folder, for example dataset=data/shapes")
        try require(
            !output.isEmpty,
            "output",
            "is missing; name a folder for the run, for example output=runs/first"
        )
        try require(
            !policy.isEmpty,
            "policy",
            "is missing; name a diffusers folder or \(EmbeddedPolicy.names)"
        )
        try require(
            !servers.isEmpty,
            "servers",
            "is missing; name a reward server, for example servers=[http://127.0.0.1:8080]"
        )
        if let server = servers.first(where: { !ServerPool.isAddress($0) }) {
            try require(false, "servers", "holds \"\(server)\", which is no address like http://host:port")
        }
        try require(seed >= 0, "seed", "is \(seed), but it must not be negative")
        try require(epochs > 0, "epochs", "is \(epochs), but at least one is needed")
        try require(minutes >= 0, "minutes", "is negative")
        try require(threads >= 0, "threads", "is negative; 0 means one per core")
        try validateSizes()
        try validateMethod()
        try validateOptimizer()
    }

    private func validateSizes() throws(ConfigurationError) {
        try require(
            groupSize >= 2,
            "groupSize",
            "is \(groupSize), but a group needs at least 2 candidates: advantages compare them"
        )
        try require(groupsPerEpoch > 0, "groupsPerEpoch", "is \(groupsPerEpoch), but at least one is needed")
        try require(groupsPerBatch > 0, "groupsPerBatch", "is \(groupsPerBatch), but at least one is needed")
        try require(
            groupsPerEpoch % groupsPerBatch == 0,
            "groupsPerBatch",
            "is \(groupsPerBatch), which does not divide groupsPerEpoch \(groupsPerEpoch)"
        )
        try require(
            resolution >= 16 && resolution % 16 == 0,
            "resolution",
            "is \(resolution), but it must be a positive multiple of 16"
        )
        try require(
            (0...512).contains(maxSequenceLength),
            "maxSequenceLength",
            "is \(maxSequenceLength), but it must be 0 to 512"
        )
        try require(
            conditioningCache.gibibytes >= 0 && conditioningCache.gibibytes <= 1_000_000,
            "conditioningCache.gibibytes",
            "is \(conditioningCache.gibibytes), but it must be 0 to 1000000"
        )
        try require(microBatch > 0, "microBatch", "is \(microBatch), but at least one sample is needed")
        try require(shardSize > 0, "shardSize", "is \(shardSize), but at least one item is needed")
        try require(
            checkpointedBlocks > 0,
            "checkpointedBlocks",
            "is \(checkpointedBlocks), but at least one is needed"
        )
        let samples = groupsPerEpoch * groupSize
        let steps = optimizer.gradientStepsPerEpoch
        try require(
            steps > 0 && samples % steps == 0,
            "optimizer.gradientStepsPerEpoch",
            "is \(steps), which does not divide the \(samples) samples of an epoch"
        )
        for (key, value) in [
            ("checkpointEvery", checkpointEvery), ("evaluateEvery", evaluateEvery),
            ("evaluation.rows", evaluation.rows), ("evaluation.images", evaluation.images),
            ("samplesEvery", samplesEvery),
        ] {
            try require(value >= 0, key, "is \(value), but it must not be negative")
        }
        try require(
            keepCheckpoints > 0,
            "keepCheckpoints",
            "is \(keepCheckpoints), but the last one must stay"
        )
    }

    private func validateMethod() throws(ConfigurationError) {
        try require(rollout.steps >= 2, "rollout.steps", "is \(rollout.steps), but at least 2 are needed")
        try require(
            evaluation.steps >= 1,
            "evaluation.steps",
            "is \(evaluation.steps), but at least 1 is needed"
        )
        try require(
            nft.timestepFraction > 0 && nft.timestepFraction <= 1 && timesteps >= 1,
            "nft.timestepFraction",
            "is \(nft.timestepFraction), which leaves \(timesteps) of \(rollout.steps) noise levels; use 0 to 1"
        )
        try require(nft.beta > 0, "nft.beta", "is \(nft.beta), but it must be positive")
        try require(
            nft.advantageClip > 0,
            "nft.advantageClip",
            "is \(nft.advantageClip), but it must be positive"
        )
        try require(nft.klWeight >= 0, "nft.klWeight", "is negative")
        try require(
            OldPolicyUpdate(rawValue: oldPolicy.decayType) != nil,
            "oldPolicy.decayType",
            "is \(oldPolicy.decayType), but only 0, 1 and 2 exist"
        )
        try require(ema >= 0 && ema < 1, "ema", "is \(ema), but it must be from 0 to below 1")
        try require(rewards.attempts > 0, "rewards.attempts", "is \(rewards.attempts), but one is needed")
        try require(rewards.requestsInFlight > 0, "rewards.requestsInFlight", "must be positive")
        try require(
            rewards.timeout > 0 && rewards.deadline > 0,
            "rewards.timeout",
            "and deadline must be positive"
        )
    }

    private func validateOptimizer() throws(ConfigurationError) {
        try require(optimizer.learningRate > 0, "optimizer.learningRate", "must be positive")
        try require(optimizer.decayEpochs >= 0, "optimizer.decayEpochs", "is negative")
        try require(
            (0...1).contains(optimizer.decayTo),
            "optimizer.decayTo",
            "is \(optimizer.decayTo), not a share of 0 to 1"
        )
        try require(
            optimizer.betas.count == 2 && optimizer.betas.allSatisfy { (0..<1).contains($0) },
            "optimizer.betas",
            "must be two numbers from 0 to below 1"
        )
        try require(optimizer.eps > 0, "optimizer.eps", "must be positive")
        try require(optimizer.weightDecay >= 0, "optimizer.weightDecay", "is negative")
        try require(optimizer.clipNorm > 0, "optimizer.clipNorm", "must be positive")
        try require(lora.rank > 0, "lora.rank", "is \(lora.rank), but it must be positive")
        try require(lora.alpha > 0, "lora.alpha", "must be positive")
        try require(!lora.targets.isEmpty, "lora.targets", "is empty; name the layers to adapt")
    }

    private func require(_ condition: Bool, _ key: String, _ reason: String) throws(ConfigurationError) {
        if !condition {
            throw .rejected(key: key, reason: reason)
        }
    }
}
