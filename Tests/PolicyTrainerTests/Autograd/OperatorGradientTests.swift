import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// Every operator against a reference in double precision and its central differences, at odd sizes.
@Suite struct OperatorGradientTests {
    /// Compares output and gradients of an operator that makes one tensor of several.
    private func check(
        _ shapes: [[Int]],
        tolerance: Double = 1e-4,
        reference: ([[Double]]) -> [Double],
        _ operation: ([Variable], Tape?) -> Variable
    ) {
        let inputs = shapes.enumerated().map { index, shape in
            CentralDifferences.numbers(shape.reduce(1, *), seed: 20 + index)
        }
        let tensors = zip(inputs, shapes).map { Tensor(doubles: $0, shape: $1) }
        let tape = Tape()
        let leaves = tensors.map { tape.variable($0) }
        let output = operation(leaves, tape)
        let expected = reference(inputs)
        #expect(CentralDifferences.relativeError(output.value.values, expected) < 1e-5)
        #expect(operation(tensors.map { Variable($0) }, nil).value.values == output.value.values)
        let slope = CentralDifferences.numbers(expected.count, seed: 50)
        var table = tape.makeTable()
        table.add(Tensor(doubles: slope, shape: output.value.shape), to: output.id)
        tape.run(&table)
        for (index, input) in inputs.enumerated() {
            let gradient = CentralDifferences.gradient(input) { moved in
                var point = inputs
                point[index] = moved
                return CentralDifferences.dot(reference(point), slope)
            }
            let found = table.take(leaves[index].id)?.values ?? []
            #expect(CentralDifferences.relativeError(found, gradient) < tolerance, "input \(index)")
        }
    }

    @Test("layer norm with modulation", arguments: [5, 17])
    func layerNorm(width: Int) {
        check(
            [[6, width], [2, 3 * width]],
            reference: { inputs in
                (0..<(6 * width)).map { index in
                    let (row, column) = (index / width, index % width)
                    let values = inputs[0][(row * width)..<((row + 1) * width)]
                    let mean = values.reduce(0, +) / Double(width)
                    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                    let base = row / 3 * 3 * width + column
                    return (inputs[0][index] - mean) / (variance + 1e-6).squareRoot()
                        * (1 + inputs[1][base + width])
                        + inputs[1][base]
                }
            }
        ) { inputs, tape in
            Modulation(rows: inputs[1]).normalized(inputs[0], shift: 0, scale: 1, epsilon: 1e-6, tape: tape)
        }
    }

    @Test("gated residual", arguments: [3, 16])
    func gatedSum(width: Int) {
        check(
            [[4, width], [4, width], [2, 2 * width]],
            reference: { inputs in
                (0..<(4 * width)).map { index in
                    let (row, column) = (index / width, index % width)
                    return inputs[0][index] + inputs[2][row / 2 * 2 * width + width + column]
                        * inputs[1][index]
                }
            }
        ) { inputs, tape in
            Modulation(rows: inputs[2]).gatedSum(inputs[0], gate: 1, inputs[1], tape: tape)
        }
    }

    @Test("activations", arguments: [ActivationKind.silu, .geluTanh])
    func activation(kind: ActivationKind) {
        let slope = (2 / Double.pi).squareRoot()
        check(
            [[3, 7]],
            reference: { inputs in
                inputs[0].map { x in
                    kind == .silu
                        ? x / (1 + exp(-x)) : 0.5 * x * (1 + tanh(slope * (x + 0.044715 * x * x * x)))
                }
            }
        ) { inputs, tape in
            inputs[0].activated(kind, tape: tape)
        }
    }

    @Test("a sum, and a variable that is used twice")
    func sum() {
        check(
            [[3, 5], [3, 5]],
            reference: { inputs in
                zip(inputs[0], inputs[1]).map { 2 * $0 + $1 }
            }
        ) { inputs, tape in
            inputs[0].plus(inputs[1], tape: tape).plus(inputs[0], tape: tape)
        }
    }

    @Test("tokens joined within samples, and some of them taken again")
    func tokens() {
        check(
            [[4, 3], [6, 3]],
            reference: { inputs in
                (0..<2).flatMap { sample in
                    let all =
                        inputs[0][(sample * 6)..<(sample * 6 + 6)]
                        + inputs[1][(sample * 9)..<(sample * 9 + 9)]
                    return Array(all)[3..<12]
                }
            }
        ) { inputs, tape in
            inputs[0].followed(by: inputs[1], samples: 2, tape: tape).tokens(1..<4, samples: 2, tape: tape)
        }
    }

    @Test(
        "attention over two streams with head norms, rotary positions and a passing tail",
        arguments: [2, 6]
    )
    func attention(width: Int) {
        let (samples, heads, epsilon) = (2, 3, 1e-6)
        let tokens = [2, 3]
        let merged = heads * width
        let tails = [0, 5]
        let norms = (0..<4).map { CentralDifferences.numbers(width, seed: 70 + $0) }
        let angles = CentralDifferences.numbers(5 * width / 2, seed: 80)
        let table = RotaryTable(
            cosine: Tensor(doubles: angles.map { cos($0) }, shape: [5, width / 2]),
            sine: Tensor(doubles: angles.map { sin($0) }, shape: [5, width / 2])
        )
        let layout = JointAttention.Layout(
            samples: samples,
            heads: heads,
            width: width,
            epsilon: Float(epsilon)
        )
        func normalizedAndTurned(_ x: ArraySlice<Double>, _ weight: [Double], _ token: Int) -> [Double] {
            let factor = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(width) + epsilon).squareRoot()
            let y = zip(x, weight).map { $0 * factor * $1 }
            return y.indices.map { index in
                let angle = angles[token * width / 2 + index / 2]
                return index % 2 == 0
                    ? y[index] * cos(angle) - y[index + 1] * sin(angle)
                    : y[index - 1] * sin(angle) + y[index] * cos(angle)
            }
        }
        func reference(_ inputs: [[Double]]) -> [Double] {
            var outputs = tokens.indices.map { stream in
                [Double](repeating: 0, count: samples * tokens[stream] * (merged + tails[stream]))
            }
            for sample in 0..<samples {
                for head in 0..<heads {
                    var (q, k, v): ([[Double]], [[Double]], [[Double]]) = ([], [], [])
                    for stream in tokens.indices {
                        let columns = 3 * merged + tails[stream]
                        for token in 0..<tokens[stream] {
                            let row = (sample * tokens[stream] + token) * columns + head * width
                            let place = q.count
                            q.append(
                                normalizedAndTurned(
                                    inputs[stream][row..<(row + width)],
                                    norms[2 * stream],
                                    place
                                )
                            )
                            let key = row + merged
                            k.append(
                                normalizedAndTurned(
                                    inputs[stream][key..<(key + width)],
                                    norms[2 * stream + 1],
                                    place
                                )
                            )
                            v.append(Array(inputs[stream][(row + 2 * merged)..<(row + 2 * merged + width)]))
                        }
                    }
                    for (place, query) in q.enumerated() {
                        let weights = k.map {
                            exp(CentralDifferences.dot(query, $0) / Double(width).squareRoot())
                        }
                        let total = weights.reduce(0, +)
                        let stream = place < tokens[0] ? 0 : 1
                        let row = sample * tokens[stream] + place - (stream == 0 ? 0 : tokens[0])
                        for column in 0..<width {
                            let value = zip(weights, v).reduce(0) { $0 + $1.0 * $1.1[column] } / total
                            outputs[stream][row * (merged + tails[stream]) + head * width + column] = value
                        }
                    }
                }
            }
            for stream in tokens.indices {
                for row in 0..<(samples * tokens[stream]) {
                    for column in 0..<tails[stream] {
                        let x = inputs[stream][row * (3 * merged + tails[stream]) + 3 * merged + column]
                        outputs[stream][row * (merged + tails[stream]) + merged + column] = x / (1 + exp(-x))
                    }
                }
            }
            return outputs.flatMap { $0 }
        }
        let shapes = tokens.indices.map { [samples * tokens[$0], 3 * merged + tails[$0]] }
        check(shapes, reference: reference) { inputs, tape in
            let streams = tokens.indices.map { stream in
                AttentionStream(
                    projected: inputs[stream],
                    tokens: tokens[stream],
                    queryNorm: NormWeight(
                        name: "q",
                        values: Tensor(doubles: norms[2 * stream], shape: [width])
                    ),
                    keyNorm: NormWeight(
                        name: "k",
                        values: Tensor(doubles: norms[2 * stream + 1], shape: [width])
                    )
                )
            }
            let outputs = AttentionStream.attend(
                streams,
                rotary: table,
                layout: layout,
                tail: .silu,
                tape: tape
            )
            // One tensor of both outputs, for the comparison.
            let flat = outputs.map { output in
                guard let id = output.id, let tape else {
                    return Variable(output.value.reshaped([output.value.count, 1]))
                }
                let copy = tape.variable(output.value.reshaped([output.value.count, 1]))
                tape.record { table in
                    if let gradient = table.take(copy.id) {
                        table.add(gradient.reshaped(output.value.shape), to: id)
                    }
                }
                return copy
            }
            return flat[0].followed(by: flat[1], samples: 1, tape: tape)
        }
    }
}
