import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("The configuration of a run")
struct TrainerConfigurationTests {
    /// A configuration that `validate()` accepts.
    private var sound: TrainerConfiguration {
        var configuration = TrainerConfiguration()
        configuration.dataset = "data"
        configuration.output = "run"
        configuration.servers = ["http://127.0.0.1:8080"]
        return configuration
    }

    private func override(_ text: String) throws -> TrainerConfiguration {
        var configuration = sound
        try configuration.apply(override: text)
        return configuration
    }

    @Test("the defaults are the published values")
    func defaults() throws {
        let configuration = sound
        try configuration.validate()
        #expect(configuration.groupsPerEpoch == 24 && configuration.groupSize == 12)
        #expect(configuration.timesteps == 5)
        #expect(configuration.optimizer == .init())
        #expect(configuration.lora.rank == 32 && configuration.lora.alpha == 64)
    }

    @Test("what is printed reads back equal, and explains every key")
    func print() throws {
        var configuration = sound
        configuration.nft.beta = 0.125
        configuration.servers = ["http://a:1", "https://b.example/x"]
        configuration.rewards.rubric = "say \"6\""
        configuration.lora.targets = ["attn.to_q"]
        let text = configuration.yaml(isDocumented: true)
        #expect(try TrainerConfiguration(yaml: text, name: "test") == configuration)
        #expect(ConfigurationKey.all.allSatisfy { text.contains("# \($0.help)") })
        let names = ConfigurationKey.all.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("nested and dotted keys mean the same, and overrides win")
    func forms() throws {
        let nested = try TrainerConfiguration(yaml: "nft:\n  beta: 0.5\nservers: http://a:1", name: "test")
        let dotted = try TrainerConfiguration(yaml: "nft.beta: 0.5\nservers: [http://a:1]", name: "test")
        #expect(nested == dotted)
        #expect(nested.nft.beta == 0.5)
        #expect(try override("rollout.solver=flow").rollout.solver == .flow)
        #expect(try override("servers=[http://a:1, http://b:2]").servers == ["http://a:1", "http://b:2"])
        #expect(try override("output=runs/x=y").output == "runs/x=y")
    }

    @Test(
        "an unknown key is refused with the nearest name",
        arguments: [
            ("groupsize", "groupSize"), ("nft.bta", "nft.beta"), ("beta", "nft.beta"), ("outptu", "output"),
            ("optimizer.lerningRate", "optimizer.learningRate"),
        ]
    )
    func unknown(key: String, nearest: String) {
        #expect(throws: ConfigurationError.unknownKey(key: key, nearest: nearest)) {
            try override("\(key)=1")
        }
        #expect(throws: ConfigurationError.self) {
            try TrainerConfiguration(yaml: "\(key): 1", name: "test")
        }
    }

    @Test("the learning rate falls in a straight line, then stays")
    func learningRate() throws {
        var configuration = TrainerConfiguration()
        #expect([0, 7, 1_000].map(configuration.learningRateShare) == [1, 1, 1])
        try configuration.apply(override: "optimizer.decayEpochs=10")
        try configuration.apply(override: "optimizer.decayTo=0.2")
        let shares = [0, 5, 10, 1_000].map(configuration.learningRateShare)
        for (found, expected) in zip(shares, [1, 0.6, 0.2, 0.2]) {
            #expect(abs(found - expected) < 1e-12)
        }
    }

    @Test("an unknown section is refused")
    func section() {
        #expect(throws: ConfigurationError.self) {
            try TrainerConfiguration(yaml: "nt:\n  beta: 1", name: "test")
        }
    }

    @Test(
        "values of another kind are refused",
        arguments: [
            "groupSize=many", "groupSize=1.5", "nft.beta=[1]", "filter.rule=papr", "filter.banRows=perhaps",
            "rollout.solver=euler", "optimizer.betas=[0.9, x]", "groupSize", "=1", "nft.beta=.nan", "seed=",
        ]
    )
    func kinds(text: String) {
        #expect(throws: ConfigurationError.self) {
            try override(text)
        }
    }

    @Test(
        "values that make no sense are refused before anything runs",
        arguments: [
            ("groupSize=1", "groupSize"), ("groupsPerBatch=5", "groupsPerBatch"),
            ("resolution=50", "resolution"),
            ("optimizer.gradientStepsPerEpoch=7", "optimizer.gradientStepsPerEpoch"),
            ("nft.beta=0", "nft.beta"),
            ("rollout.steps=1", "rollout.steps"), ("nft.timestepFraction=0.1", "nft.timestepFraction"),
            ("ema=1", "ema"), ("oldPolicy.decayType=3", "oldPolicy.decayType"), ("lora.rank=0", "lora.rank"),
            ("lora.targets=[]", "lora.targets"), ("servers=[]", "servers"),
            ("servers=[localhost]", "servers"),
            ("dataset=\"\"", "dataset"), ("output=\"\"", "output"), ("epochs=0", "epochs"),
            ("seed=-1", "seed"),
            ("optimizer.betas=[0.9]", "optimizer.betas"),
            ("optimizer.learningRate=0", "optimizer.learningRate"),
            ("keepCheckpoints=0", "keepCheckpoints"), ("shardSize=0", "shardSize"), ("minutes=-1", "minutes"),
        ]
    )
    func nonsense(text: String, key: String) throws {
        let configuration = try override(text)
        do {
            try configuration.validate()
            Issue.record("\(text) was accepted")
        } catch ConfigurationError.rejected(let found, _) {
            #expect(found == key)
        }
    }

    @Test("only keys that cannot change results may change when a run is continued")
    func resuming() throws {
        var other = sound
        other.epochs = 7
        other.servers = ["http://b:1"]
        other.threads = 3
        #expect(sound.keysThatForbidResuming(from: other).isEmpty)
        other.nft.beta = 0.5
        other.seed = 1
        #expect(sound.keysThatForbidResuming(from: other) == ["seed", "nft.beta"])
    }

    @Test("a missing or broken file is named")
    func files() throws {
        let folder = try TemporaryFolder()
        #expect(throws: ConfigurationError.unreadable(path: folder.file("x.yaml"), reason: "no such file")) {
            try TrainerConfiguration(contentsOf: folder.file("x.yaml"))
        }
        #expect(throws: ConfigurationError.self) {
            try TrainerConfiguration(yaml: "a: [1", name: "broken.yaml")
        }
        #expect(throws: ConfigurationError.self) {
            try TrainerConfiguration(yaml: "- 1\n- 2", name: "list.yaml")
        }
    }
}
