/// Everything that a training run can be told.
///
/// The defaults are the published ones where a publication gives one (`algorithm` sections 5–8);
/// ``ConfigurationKey`` gives every field its name in YAML, its meaning and its parser.
struct TrainerConfiguration: Sendable, Equatable {
    /// How candidates are drawn.
    struct Rollout: Sendable, Equatable {
        var steps = 6
        var solver = SolverKind.dpm2
        var guidance = 2.5
    }

    /// The loss.
    struct NFT: Sendable, Equatable {
        var beta = 1.0
        var advantageClip = 5.0
        var advantageMode = Advantage.Mode.all
        var klWeight = 1e-4
        var timestepFraction = 0.99
        var normaliser = MaskNormaliser.global
    }

    /// Which groups take part.
    struct Filter: Sendable, Equatable {
        var rule = GroupFilter.Rule.paper
        var meanThreshold = 0.9
        var stdThreshold = 0.05
        var banRows = false
    }

    /// The statistics of rewards.
    struct Statistics: Sendable, Equatable {
        var std = Advantage.Deviation.global
    }

    /// The optimiser.
    struct Optimizer: Sendable, Equatable {
        var learningRate = 3e-4
        var decayEpochs = 0
        var decayTo = 0.1
        var betas = [0.9, 0.999]
        var eps = 1e-8
        var weightDecay = 1e-4
        var clipNorm = 1.0
        var gradientStepsPerEpoch = 1
    }

    /// The adapter.
    struct LoRA: Sendable, Equatable {
        var rank = 32
        var alpha = 64.0
        var targets = LoRAConfiguration.publishedTargets
    }

    /// The sampling adapter.
    struct OldPolicy: Sendable, Equatable {
        var decayType = 1
    }

    /// Evaluation during training.
    struct Evaluation: Sendable, Equatable {
        var rows = 0
        var steps = 15
        var solver = SolverKind.flow
        var images = 8
    }

    /// Requests to the judges.
    struct Rewards: Sendable, Equatable {
        var rubric = ""
        var requestsInFlight = 2
        var attempts = 8
        var timeout = 300.0
        var deadline = 900.0
    }

    /// Text states and reference latents on disk.
    struct ConditioningFiles: Sendable, Equatable {
        var folder = ""
        var gibibytes = 2.0
    }

    var policy = "embedded"
    var dataset = ""
    var servers: [String] = []
    var output = ""
    var seed = 42
    var epochs = 100
    var minutes = 0.0
    var resolution = 512
    var maxSequenceLength = 128
    var groupsPerEpoch = 24
    var groupsPerBatch = 6
    var groupSize = 12
    var rollout = Rollout()
    var nft = NFT()
    var filter = Filter()
    var statistics = Statistics()
    var optimizer = Optimizer()
    var lora = LoRA()
    var ema = 0.9
    var oldPolicy = OldPolicy()
    var microBatch = 24
    var shardSize = 24
    var gradientCheckpointing = false
    var checkpointedBlocks = 1
    var baseWeights = BaseWeightFormat.auto
    var precision = TrainingPrecision.float32
    var conditioningCache = ConditioningFiles()
    var threads = 0
    var checkpointEvery = 10
    var keepCheckpoints = 3
    var evaluateEvery = 10
    var evaluation = Evaluation()
    var samplesEvery = 10
    var rewards = Rewards()
}
