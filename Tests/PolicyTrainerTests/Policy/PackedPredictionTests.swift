import Foundation
import Shared
import Testing

@testable import PolicyTrainer

/// Several adapters' predictions as one batch against each by itself.
@Suite("Packed predictions")
struct PackedPredictionTests {
    private static let families = ["flux", "qwen"]

    /// Velocity of a batch that repeats the fixture's samples once a run.
    private func predict(
        _ family: String,
        _ runs: [(LoRAAdapter) -> LoRAAdapter?],
        format: BaseWeightFormat,
        checkpointing: Int
    ) throws -> (velocities: [Tensor], gradients: Gradients) {
        func repeated(_ tensor: Tensor) -> Tensor {
            Tensor.concatenatingRows(runs.map { _ in tensor }).reshaped(
                [runs.count * tensor.shape[0]] + tensor.shape.dropFirst()
            )
        }
        func repeated<Value>(_ values: [Value]) -> [Value] { runs.flatMap { _ in values } }
        let tape = Tape(runs: runs.count)
        let options = BaseWeightOptions(format: format)
        let (velocity, weight): (Variable, Tensor)
        if family == "flux" {
            let fixture = try FluxFixture("guided")
            let transformer = try FluxTransformer(folder: fixture.folder + "/transformer", options: options)
            var input = fixture.input
            input.target = repeated(input.target)
            input.reference = repeated(input.reference)
            input.text = repeated(input.text)
            input.pooled = repeated(input.pooled)
            input.sigma = repeated(input.sigma)
            input.guidance = input.guidance.map(repeated)
            let adapter = try fixture.adapter()
            velocity = transformer.velocity(
                input,
                adapters: BatchAdapters(runs: runs.map { $0(adapter) }),
                tape: tape,
                checkpointing: checkpointing
            )
            weight = try fixture.tensors.tensor("output_gradient")
        } else {
            let fixture = try QwenImageFixture()
            let transformer = try QwenImageTransformer(
                folder: fixture.folder + "/transformer",
                options: options
            )
            var input = try fixture.input()
            input.target = repeated(input.target)
            input.references = repeated(input.references)
            input.text = repeated(input.text)
            input.textLengths = repeated(input.textLengths)
            input.sigma = repeated(input.sigma)
            let adapter = try fixture.adapter()
            velocity = transformer.velocity(
                input,
                adapters: BatchAdapters(runs: runs.map { $0(adapter) }),
                tape: tape,
                checkpointing: checkpointing
            )
            weight = try fixture.tensors.tensor("output_gradient")
        }
        return (
            runs.indices.map { velocity.value.run($0, of: runs.count) },
            tape.backward(from: velocity, gradient: weight)
        )
    }

    /// Another adapter on the same maps.
    private static func old(_ adapter: LoRAAdapter) -> LoRAAdapter? {
        var other = adapter
        for (name, tensor) in adapter.parameters() {
            other.set(name, Tensor(tensor.values.map { 0.5 - $0 }, shape: tensor.shape))
        }
        return other
    }

    /// Whether products have the same bits for any number of rows, see `GEMM`.
    private var hasExactRows: Bool { InstructionPeak.bfloat16.isAvailable }

    private func expectSame(_ found: Tensor?, _ expected: Tensor?, exactly: Bool = false, _ what: String) {
        guard let found, let expected else {
            #expect(found == nil && expected == nil, "\(what)")
            return
        }
        if exactly && hasExactRows {
            #expect(found.values == expected.values, "\(what)")
        } else {
            #expect(relativeDifference(found, expected) < 1e-5, "\(what)")
        }
    }

    @Test(
        "current, old and reference as one batch are what each is alone, and so are the gradients",
        arguments: families,
        [(BaseWeightFormat.float32, 0), (.float32, 1), (.q4_0, 0), (.q4_0, 2)]
    )
    func packing(family: String, settings: (BaseWeightFormat, Int)) throws {
        let (format, checkpointing) = settings
        let kinds: [(LoRAAdapter) -> LoRAAdapter?] = [{ $0 }, Self.old, { _ in nil }]
        let packed = try predict(family, kinds, format: format, checkpointing: checkpointing)
        let alone = try kinds.map {
            try predict(family, [$0], format: format, checkpointing: checkpointing)
        }
        for index in kinds.indices {
            expectSame(packed.velocities[index], alone[index].velocities[0], "prediction \(index)")
        }
        #expect(packed.gradients.names == alone[0].gradients.names)
        for name in packed.gradients.names {
            expectSame(packed.gradients[name], alone[0].gradients[name], name)
        }
        #expect(relativeDifference(packed.velocities[1], packed.velocities[0]) > 1e-3)
        #expect(relativeDifference(packed.velocities[2], packed.velocities[0]) > 1e-3)
    }

    @Test(
        "where rows have the same bits in any company, so have packed predictions and their gradients",
        arguments: families,
        [(BaseWeightFormat.float32, 0), (.float32, 1), (.q4_0, 2)]
    )
    func bits(family: String, settings: (BaseWeightFormat, Int)) throws {
        let (format, checkpointing) = settings
        let kinds: [(LoRAAdapter) -> LoRAAdapter?] = [{ $0 }, Self.old, { _ in nil }]
        let packed = try predict(family, kinds, format: format, checkpointing: checkpointing)
        for index in kinds.indices {
            let alone = try predict(family, [kinds[index]], format: format, checkpointing: checkpointing)
            expectSame(
                packed.velocities[index],
                alone.velocities[0],
                exactly: true,
                "prediction \(index)"
            )
            guard index == 0 else { continue }
            for name in packed.gradients.names {
                expectSame(packed.gradients[name], alone.gradients[name], exactly: true, name)
            }
        }
    }

    @Test(
        "an old policy with the current one's numbers predicts its bits, so leaving it out changes nothing",
        arguments: families
    )
    func skipping(family: String) throws {
        let both = try predict(family, [{ $0 }, { $0 }], format: .float32, checkpointing: 0)
        let one = try predict(family, [{ $0 }], format: .float32, checkpointing: 0)
        expectSame(both.velocities[1], both.velocities[0], exactly: true, "old prediction")
        expectSame(both.velocities[0], one.velocities[0], exactly: true, "current prediction")
        for name in one.gradients.names {
            expectSame(both.gradients[name], one.gradients[name], exactly: true, name)
        }
    }

    @Test("a reference without weight changes neither loss nor gradient, whatever it predicts")
    func unusedReference() {
        let loss = NFTLoss<Float>(mixing: 1, advantageClip: 5, divergenceWeight: 0)
        func item(_ reference: [Float]?) -> NFTLoss<Float>.Item {
            NFTLoss.Item(
                clean: [0.1, -0.4],
                noised: [0.3, 0.2],
                velocity: [1, -0.5],
                oldVelocity: [0.8, -0.6],
                referenceVelocity: reference,
                sigma: 0.6,
                optimality: 0.7
            )
        }
        let (without, gradient) = loss.evaluate(item(nil), weight: 0.5)
        let (with, same) = loss.evaluate(item([3, -2]), weight: 0.5)
        #expect(without.loss == with.loss && gradient == same)
    }
}
