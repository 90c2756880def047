import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// Operators that keep what their backward pass needs in bfloat16, against themselves in float32.
@Suite struct NarrowGradientTests {
    /// Two roundings to eight bits in a row, relative to the greatest number.
    private let tolerance: Float = 0.02

    private func numbers(_ shape: [Int], seed: Int) -> Tensor {
        Tensor(doubles: CentralDifferences.numbers(shape.reduce(1, *), seed: seed), shape: shape)
    }

    @Test("attention over two streams with a tail, and the first of two runs", arguments: [1, 2])
    func attention(runs: Int) {
        let (samples, heads, width, tokens, tails) = (2, 3, 24, [7, 40], [0, 33])
        let merged = heads * width
        let angles = numbers([47, width / 2], seed: 80)
        let table = RotaryTable(
            cosine: Tensor(angles.values.map { cos($0) }, shape: angles.shape),
            sine: Tensor(angles.values.map { sin($0) }, shape: angles.shape)
        )
        let layout = JointAttention.Layout(samples: samples, heads: heads, width: width, epsilon: 1e-6)
        let norms = (0..<4).map { numbers([width], seed: 70 + $0) }
        let inputs = (0..<2).map {
            numbers([samples * tokens[$0], 3 * merged + tails[$0]], seed: 60 + $0)
        }
        func run(_ precision: Precision) -> [Tensor] {
            let tape = Tape(runs: runs)
            let leaves = inputs.map { tape.variable($0) }
            let outputs = AttentionStream.attend(
                leaves.indices.map {
                    AttentionStream(
                        projected: leaves[$0],
                        tokens: tokens[$0],
                        queryNorm: NormWeight(name: "q", values: norms[2 * $0]),
                        keyNorm: NormWeight(name: "k", values: norms[2 * $0 + 1]),
                        precision: precision
                    )
                },
                rotary: table,
                layout: layout,
                tail: .geluTanh,
                tape: tape
            )
            var gradients = tape.makeTable()
            for (index, output) in outputs.enumerated() {
                gradients.add(numbers(tape.keptShape(output.value), seed: 50 + index), to: output.id)
            }
            tape.run(&gradients)
            return outputs.map(\.value) + leaves.compactMap { gradients.take($0.id) }
        }
        let (exact, rounded) = (run(.float32), run(.bfloat16))
        #expect(rounded.count == 4)
        for (left, right) in zip(rounded, exact) {
            #expect(left.shape == right.shape)
            #expect(Tolerance.relativeDifference(left.values, right.values) < tolerance)
            #expect(left.values != right.values)
        }
    }

    @Test("an activation", arguments: [ActivationKind.silu, .gelu, .geluTanh, .quickGELU], [1, 3])
    func activation(kind: ActivationKind, runs: Int) {
        let x = numbers([6, 37], seed: 40)
        func run(_ precision: Precision) -> (output: Tensor, gradient: Tensor?) {
            let tape = Tape(runs: runs)
            let leaf = tape.variable(x)
            var result = leaf
            result.activate(kind, keeping: precision, tape: tape)
            var gradients = tape.makeTable()
            gradients.add(numbers([6 / runs, 37], seed: 41), to: result.id)
            tape.run(&gradients)
            return (result.value, gradients.take(leaf.id))
        }
        let (exact, rounded) = (run(.float32), run(.bfloat16))
        #expect(rounded.output.values == exact.output.values)
        let (left, right) = (rounded.gradient?.values ?? [], exact.gradient?.values ?? [])
        #expect(left.count == 6 / runs * 37)
        #expect(Tolerance.relativeDifference(left, right) < tolerance)
    }
}
