import ArgumentParser
import Foundation
import Shared
import Testing

@testable import PolicyTrainer

@Suite("policy-trainer bench")
struct PolicyBenchTests {
    @Test("random weights have the shapes of the model, each matrix in memory of its own")
    func weights() throws {
        let configuration = try FluxConfiguration(
            Data(
                #"""
                {"num_layers": 1, "num_single_layers": 1, "attention_head_dim": 32, "num_attention_heads": 2,
                 "joint_attention_dim": 64, "pooled_projection_dim": 32, "in_channels": 32, "axes_dims_rope": [8, 12, 12]}
                """#.utf8
            ),
            path: "test"
        )
        let store = RandomWeights(shapes: configuration.tensorShapes, format: .q4_0)
        let transformer = try FluxTransformer(
            store: store,
            configuration: configuration,
            options: BaseWeightOptions(format: .stored)
        )
        let held = transformer.linearLayers.reduce(0) { $0 + $1.weight.byteCount }
        let numbers = configuration.tensorShapes.values.filter { $0.count == 2 }.reduce(0) {
            $0 + $1[0] * $1[1]
        }
        #expect(held == numbers / 32 * 18)
        #expect(transformer.linearLayers.allSatisfy { $0.weight.tensor.isFinite })
        #expect(throws: WeightError.self) { try store.matrix("x_embedder.weight", shape: [1, 2]) }
    }

    @Test("the step of the embedded policy is measured, and its record is one JSON object")
    func record() throws {
        var lines: [String] = []
        try PolicyBench(
            format: .float32,
            precision: .float32,
            cases: ["tiny-step"],
            tokenCounts: [],
            budget: .zero
        ).run { record in
            lines.append(String(decoding: try JSONEncoder().encode(record), as: UTF8.self))
            #expect(record.line.contains("tiny-step"))
        }
        let data = Data(try #require(lines.first).utf8)
        let fields = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(fields["case"] as? String == "tiny-step" && fields["items"] as? Int == StepBench.itemCount)
        #expect((fields["items_per_second"] as? Double ?? 0) > 0)
        #expect((fields["share_of_peak"] as? Double ?? 0) > 0)
    }

    @Test(
        "settings that make no sense are refused",
        arguments: [
            ["--only", "flux"], ["--base-weights", "auto"], ["--tokens", "128"], ["--tokens", "many"],
            ["--seconds", "-1"], ["--precision", "int8"],
        ]
    )
    func refusals(arguments: [String]) {
        #expect(throws: (any Error).self) { try BenchCommand.parse(arguments) }
    }
}
