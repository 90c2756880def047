import Yams

/// One key of a run's configuration: its name, its meaning, and how it is read and written.
struct ConfigurationKey {
    /// The name in YAML and on the command line, dotted.
    let name: String
    /// One line on what it does.
    let help: String
    /// Whether a run may be continued with another value, because results do not depend on it.
    let mayChange: Bool
    /// The value as YAML.
    let read: (TrainerConfiguration) -> String
    /// Sets the value from YAML.
    let write: (inout TrainerConfiguration, Node) throws(ConfigurationError) -> Void

    private init<Value: ConfigurationValue>(
        _ name: String,
        _ path: WritableKeyPath<TrainerConfiguration, Value>,
        mayChange: Bool = false,
        _ help: String
    ) {
        self.name = name
        self.help = help
        self.mayChange = mayChange
        read = { $0[keyPath: path].yaml }
        write = { (configuration, node) throws(ConfigurationError) in
            guard let value = Value(node: node) else {
                let found = node.scalar.map { "\"\($0.string)\"" } ?? "a list or a map"
                throw .invalidValue(key: name, value: found, expected: Value.expectation)
            }
            configuration[keyPath: path] = value
        }
    }

    /// All keys, in the order in which `--print-config` lists them.
    static var all: [ConfigurationKey] { run + data + training + judges }

    private static var run: [ConfigurationKey] {
        [
            .init(
                "policy",
                \.policy,
                "folder of a Flux-Kontext or Qwen-Image-Edit pipeline, or \(EmbeddedPolicy.names)"
            ),
            .init("dataset", \.dataset, "folder in the Edit-R1 layout"),
            .init(
                "servers",
                \.servers,
                mayChange: true,
                "addresses of reward servers, [http://host:port, ...]"
            ),
            .init("output", \.output, mayChange: true, "run folder: metrics, checkpoints, samples"),
            .init("seed", \.seed, "root of all random numbers"),
            .init(
                "epochs",
                \.epochs,
                mayChange: true,
                "stop after this many epochs, counted from the run's start"
            ),
            .init(
                "minutes",
                \.minutes,
                mayChange: true,
                "stop after the epoch that passes this time; 0 = no limit"
            ),
            .init("threads", \.threads, mayChange: true, "compute threads; 0 = one per core"),
            .init(
                "checkpointEvery",
                \.checkpointEvery,
                mayChange: true,
                "epochs between checkpoints; 0 = only the last"
            ),
            .init("keepCheckpoints", \.keepCheckpoints, mayChange: true, "how many checkpoints stay on disk"),
            .init("evaluateEvery", \.evaluateEvery, mayChange: true, "epochs between evaluations; 0 = never"),
            .init(
                "evaluation.rows",
                \.evaluation.rows,
                mayChange: true,
                "test rows of an evaluation; 0 = all"
            ),
            .init("evaluation.steps", \.evaluation.steps, mayChange: true, "solver steps of an evaluation"),
            .init("evaluation.solver", \.evaluation.solver, mayChange: true, "solver of an evaluation"),
            .init(
                "evaluation.images",
                \.evaluation.images,
                mayChange: true,
                "rows of an evaluation's picture; 0 = none"
            ),
            .init(
                "samplesEvery",
                \.samplesEvery,
                mayChange: true,
                "epochs between pictures of candidates; 0 = never"
            ),
        ]
    }

    private static var data: [ConfigurationKey] {
        [
            .init("resolution", \.resolution, "side of the square images in pixels"),
            .init(
                "maxSequenceLength",
                \.maxSequenceLength,
                "T5 tokens of an instruction; 0 = the tokenizer's own number"
            ),
            .init(
                "conditioningCache.folder",
                \.conditioningCache.folder,
                mayChange: true,
                "folder for text states and reference latents, which runs may share; \"\" = the run's own"
            ),
            .init(
                "conditioningCache.gibibytes",
                \.conditioningCache.gibibytes,
                mayChange: true,
                "most GiB of that folder, the entries unused for longest go first; 0 = nothing on disk"
            ),
            .init("groupsPerEpoch", \.groupsPerEpoch, "groups (dataset rows) of an epoch"),
            .init(
                "groupsPerBatch",
                \.groupsPerBatch,
                "groups of a rollout batch; scoring overlaps the next batch"
            ),
            .init("groupSize", \.groupSize, "candidates of a group, at least 2"),
            .init("rollout.steps", \.rollout.steps, "solver steps of a candidate"),
            .init("rollout.solver", \.rollout.solver, "solver of a candidate"),
            .init("rollout.guidance", \.rollout.guidance, "distilled guidance, for models that take it"),
            .init("statistics.std", \.statistics.std, "which deviation divides advantages"),
            .init("filter.rule", \.filter.rule, "which groups are dropped"),
            .init(
                "filter.meanThreshold",
                \.filter.meanThreshold,
                "mean above which a group counts as solved"
            ),
            .init(
                "filter.stdThreshold",
                \.filter.stdThreshold,
                "deviation below which a group counts as uniform"
            ),
            .init("filter.banRows", \.filter.banRows, "never draw a solved and uniform row again"),
        ]
    }

    private static var training: [ConfigurationKey] {
        [
            .init("nft.beta", \.nft.beta, "mixing strength of the loss; smaller is faster and less stable"),
            .init("nft.advantageClip", \.nft.advantageClip, "advantage at which optimality saturates"),
            .init("nft.advantageMode", \.nft.advantageMode, "which advantages count"),
            .init("nft.klWeight", \.nft.klWeight, "pull to the base model; 0 saves a forward pass"),
            .init(
                "nft.timestepFraction",
                \.nft.timestepFraction,
                "share of the rollout's noise levels to train at"
            ),
            .init("nft.normaliser", \.nft.normaliser, "how masked items count in the mean"),
            .init("optimizer.learningRate", \.optimizer.learningRate, "AdamW: learning rate"),
            .init(
                "optimizer.decayEpochs",
                \.optimizer.decayEpochs,
                "epochs in which the learning rate falls in a straight line; 0 = it stays"
            ),
            .init(
                "optimizer.decayTo",
                \.optimizer.decayTo,
                "share of the learning rate that is left after decayEpochs"
            ),
            .init("optimizer.betas", \.optimizer.betas, "AdamW: decay of both moments"),
            .init("optimizer.eps", \.optimizer.eps, "AdamW: added to the root of the second moment"),
            .init("optimizer.weightDecay", \.optimizer.weightDecay, "AdamW: decoupled weight decay"),
            .init("optimizer.clipNorm", \.optimizer.clipNorm, "norm that the gradient is clipped to"),
            .init(
                "optimizer.gradientStepsPerEpoch",
                \.optimizer.gradientStepsPerEpoch,
                "optimiser steps of an epoch"
            ),
            .init("lora.rank", \.lora.rank, "rank of the adapter"),
            .init("lora.alpha", \.lora.alpha, "scale of the adapter times its rank"),
            .init("lora.targets", \.lora.targets, "names of the adapted layers, as PEFT matches them"),
            .init("ema", \.ema, "decay of the averaged weights"),
            .init(
                "oldPolicy.decayType",
                \.oldPolicy.decayType,
                "schedule of the sampling adapter: 0, 1 or 2"
            ),
            .init(
                "microBatch",
                \.microBatch,
                "samples of a micro-batch (they matter for nft.normaliser: micro)"
            ),
            .init(
                "shardSize",
                \.shardSize,
                "items one thread computes at once; results depend on it, not on threads"
            ),
            .init(
                "gradientCheckpointing",
                \.gradientCheckpointing,
                mayChange: true,
                "recompute blocks to save memory"
            ),
            .init(
                "checkpointedBlocks",
                \.checkpointedBlocks,
                mayChange: true,
                "blocks recomputed together with gradientCheckpointing: more keep fewer inputs, but more insides"
            ),
            .init(
                "baseWeights",
                \.baseWeights,
                "how the frozen weights are kept: auto is f32 up to 1 GiB, else as stored on disk"
            ),
            .init(
                "precision",
                \.precision,
                "arithmetic of products with frozen weights: f32, or bf16 where CPU and oneDNN have it"
            ),
        ]
    }

    private static var judges: [ConfigurationKey] {
        [
            .init("rewards.rubric", \.rewards.rubric, "rubric to ask for; \"\" = the server's own"),
            .init(
                "rewards.requestsInFlight",
                \.rewards.requestsInFlight,
                mayChange: true,
                "requests at once per server"
            ),
            .init("rewards.attempts", \.rewards.attempts, mayChange: true, "tries of a request"),
            .init("rewards.timeout", \.rewards.timeout, mayChange: true, "longest exchange, in seconds"),
            .init(
                "rewards.deadline",
                \.rewards.deadline,
                mayChange: true,
                "longest request with all tries, in seconds"
            ),
        ]
    }

    /// The known name closest to a mistyped one; nil when none is close.
    static func nearest(to name: String) -> String? {
        let known = all.map(\.name)
        // A forgotten section is the most common slip.
        if let inSection = known.first(where: { $0.hasSuffix(".\(name)") }) { return inSection }
        let ranked = known.map { (distance(of: name.lowercased(), $0.lowercased()), $0) }.min { $0 < $1 }
        return ranked.flatMap { $0.0 <= max(2, name.count / 2) ? $0.1 : nil }
    }

    /// Levenshtein's distance: how many letters to insert, delete or replace.
    private static func distance(of first: String, _ second: String) -> Int {
        var row = Array(0...second.count)
        for (i, left) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in second.enumerated() {
                let replaced = diagonal + (left == right ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[second.count]
    }
}
