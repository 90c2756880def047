import Foundation
import Shared
import Testing

@testable import PolicyTrainer

@Suite struct LoRATests {
    private func temporaryFolder() -> String {
        NSTemporaryDirectory() + "lora-\(UUID().uuidString)"
    }

    @Test("an adapter that was written is read back bit for bit", arguments: FluxFixture.names)
    func roundTrip(name: String) throws {
        let fixture = try FluxFixture(name)
        let adapter = try fixture.adapter()
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try PEFTFolder.write(adapter, to: folder, baseClass: .flux)
        let again = try PEFTFolder.read(folder: folder, for: fixture.transformer)
        #expect(again.configuration == adapter.configuration)
        #expect(again.parameters().map(\.name) == adapter.parameters().map(\.name))
        #expect(again.parameters().map(\.tensor.values) == adapter.parameters().map(\.tensor.values))
    }

    @Test(
        "what PEFT can do and this reader cannot is refused by name",
        arguments: [
            "use_rslora": true, "use_dora": true, "rank_pattern": ["^to_[qk]$": 3],
            "alpha_pattern": ["to_q": "3"],
            "peft_type": "IA3", "bias": "all", "modules_to_save": ["proj_out"],
            "target_modules": "all-linear",
        ] as [String: any Sendable]
    )
    func unsupported(key: String, value: any Sendable) throws {
        let fixture = try FluxFixture("embedded")
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try PEFTFolder.write(try fixture.adapter(), to: folder, baseClass: .flux)
        let path = folder + "/adapter_config.json"
        let data = try #require(FileManager.default.contents(atPath: path))
        var fields = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        fields[key] = value
        try JSONSerialization.data(withJSONObject: fields).write(to: URL(filePath: path))
        let error = #expect(throws: LoRAError.self) {
            try PEFTFolder.read(folder: folder, for: fixture.transformer)
        }
        #expect(error?.description.contains(key) == true)
    }

    @Test("the first adapter draws A with deviation 1/rank and leaves B zero")
    func initial() throws {
        let fixture = try FluxFixture("embedded")
        let configuration = LoRAConfiguration(rank: 8, alpha: 16, targets: LoRAConfiguration.publishedTargets)
        let adapter = try LoRAAdapter.initial(
            for: fixture.transformer,
            configuration: configuration,
            seeds: SeedTree(seed: 3)
        )
        #expect(adapter.parameterCount == 36 * 2 * 8 * 32)
        var squares = 0.0
        var count = 0.0
        for (name, tensor) in adapter.parameters() {
            if name.hasSuffix("lora_B.weight") {
                #expect(tensor.values.allSatisfy { $0 == 0 })
            } else {
                squares += tensor.values.reduce(0) { $0 + Double($1) * Double($1) }
                count += Double(tensor.count)
            }
        }
        #expect(abs((squares / count).squareRoot() - 1.0 / 8) < 0.005)
        #expect(adapter.configuration.scale == 2)
    }

    @Test("a target that matches nothing is refused")
    func unmatched() throws {
        let fixture = try FluxFixture("embedded")
        #expect(throws: LoRAError.unmatchedTarget(suffix: "attn.to_x")) {
            try LoRAAdapter.initial(
                for: fixture.transformer,
                configuration: LoRAConfiguration(rank: 2, alpha: 2, targets: ["attn.to_q", "attn.to_x"]),
                seeds: SeedTree(seed: 1)
            )
        }
    }

    @Test("interpolation ends in its ends and passes through the middle")
    func interpolation() throws {
        let fixture = try FluxFixture("embedded")
        let right = try fixture.adapter()
        var left = right
        for (name, tensor) in right.parameters() {
            left.set(name, Tensor(tensor.values.map { $0 * 3 + 1 }, shape: tensor.shape))
        }
        #expect(
            left.lerp(to: right, weight: 0).parameters().map(\.tensor.values)
                == left.parameters().map(\.tensor.values)
        )
        #expect(
            left.lerp(to: right, weight: 1).parameters().map(\.tensor.values)
                == right.parameters().map(\.tensor.values)
        )
        let middle = left.lerp(to: right, weight: 0.25)
        for (index, (_, tensor)) in middle.parameters().enumerated() {
            let (from, to) = (left.parameters()[index].tensor.values, right.parameters()[index].tensor.values)
            for (value, ends) in zip(tensor.values, zip(from, to)) {
                #expect(abs(value - (0.75 * ends.0 + 0.25 * ends.1)) < 1e-6)
            }
        }
    }
}
