import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// Linear layers of several maps, with and without low-rank terms, against double-precision references.
@Suite struct LinearGradientTests {
    private let rows = 4
    private let inputs = 7
    private let rank = 3
    private let outputs = [5, 2, 6]

    private struct Parameters {
        var x: [Double]
        var weight: [Double]
        var bias: [Double]
        /// A and B of the first and the last map.
        var factors: [[Double]]
    }

    private var parameters: Parameters {
        let total = outputs.reduce(0, +)
        let sizes = [rank * inputs, outputs[0] * rank, rank * inputs, outputs[2] * rank]
        return Parameters(
            x: CentralDifferences.numbers(rows * inputs, seed: 1),
            weight: CentralDifferences.numbers(total * inputs, seed: 2),
            bias: CentralDifferences.numbers(total, seed: 3),
            factors: sizes.enumerated().map { CentralDifferences.numbers($1, seed: 4 + $0) }
        )
    }

    private func reference(_ p: Parameters, scale: Double) -> [Double] {
        let total = outputs.reduce(0, +)
        var weight = p.weight
        for (start, count, pair) in [(0, outputs[0], 0), (outputs[0] + outputs[1], outputs[2], 2)] {
            for row in 0..<count {
                for column in 0..<inputs {
                    weight[(start + row) * inputs + column] +=
                        scale
                        * (0..<rank).reduce(0) {
                            $0 + p.factors[pair + 1][row * rank + $1] * p.factors[pair][$1 * inputs + column]
                        }
                }
            }
        }
        return (0..<(rows * total)).map { index in
            (0..<inputs).reduce(p.bias[index % total]) {
                $0 + p.x[index / total * inputs + $1] * weight[index % total * inputs + $1]
            }
        }
    }

    private func layer(_ p: Parameters) -> LinearLayer {
        let total = outputs.reduce(0, +)
        return LinearLayer(
            weight: .floats(Tensor(doubles: p.weight, shape: [total, inputs])),
            bias: Tensor(doubles: p.bias, shape: [total]),
            parts: [
                .init(name: "first", columns: 0..<outputs[0]),
                .init(name: "plain", columns: outputs[0]..<(outputs[0] + outputs[1])),
                .init(name: "last", columns: (outputs[0] + outputs[1])..<total),
            ]
        )
    }

    private func adapter(_ p: Parameters) -> LoRAAdapter {
        LoRAAdapter(
            configuration: LoRAConfiguration(rank: rank, alpha: 4.5, targets: ["first", "last"]),
            pairs: [
                "first": LoRAPair(
                    a: Tensor(doubles: p.factors[0], shape: [rank, inputs]),
                    b: Tensor(doubles: p.factors[1], shape: [outputs[0], rank])
                ),
                "last": LoRAPair(
                    a: Tensor(doubles: p.factors[2], shape: [rank, inputs]),
                    b: Tensor(doubles: p.factors[3], shape: [outputs[2], rank])
                ),
            ]
        )
    }

    @Test("output and the gradients of input, A, B, weight and bias", arguments: [true, false])
    func gradients(adapts: Bool) {
        let p = parameters
        let scale = adapts ? 1.5 : 0
        let tape = Tape(trainsBase: true)
        let x = tape.variable(Tensor(doubles: p.x, shape: [rows, inputs]))
        let output = layer(p)(x, adapters: BatchAdapters(adapts ? adapter(p) : nil), tape: tape)
        let expected = reference(p, scale: scale)
        #expect(CentralDifferences.relativeError(output.value.values, expected) < 1e-5)
        let slope = CentralDifferences.numbers(expected.count, seed: 30)
        var table = tape.makeTable()
        table.add(Tensor(doubles: slope, shape: output.value.shape), to: output.id)
        tape.run(&table)
        func expectEqual(
            _ found: [Float]?,
            _ path: WritableKeyPath<Parameters, [Double]>,
            _ range: Range<Int>? = nil
        ) {
            var moved = p
            let gradient = CentralDifferences.gradient(p[keyPath: path]) { values in
                moved[keyPath: path] = values
                return CentralDifferences.dot(reference(moved, scale: scale), slope)
            }
            let part = range.map { Array(gradient[$0]) } ?? gradient
            #expect(CentralDifferences.relativeError(found ?? [], part) < 1e-4)
        }
        expectEqual(table.take(x.id)?.values, \.x)
        expectEqual(table.parameters["plain.weight"]?.values, \.weight, 35..<49)
        expectEqual(table.parameters["last.bias"]?.values, \.bias, 7..<13)
        let names = [
            "first.lora_A.weight", "first.lora_B.weight", "last.lora_A.weight", "last.lora_B.weight",
        ]
        for (index, name) in names.enumerated() {
            if adapts {
                expectEqual(table.parameters[name]?.values, \.factors[index])
            } else {
                #expect(table.parameters[name] == nil)
            }
        }
    }

    @Test("a frozen layer keeps no gradient of its own, and a constant input gets none")
    func frozen() {
        let p = parameters
        let tape = Tape()
        let constant = layer(p)(
            Variable(Tensor(doubles: p.x, shape: [rows, inputs])),
            adapters: BatchAdapters(nil),
            tape: tape
        )
        #expect(constant.id == nil)
        let adapted = layer(p)(
            Variable(Tensor(doubles: p.x, shape: [rows, inputs])),
            adapters: BatchAdapters(adapter(p)),
            tape: tape
        )
        let gradients = tape.backward(from: adapted, gradient: adapted.value)
        #expect(
            gradients.names
                == ["first.lora_A.weight", "first.lora_B.weight", "last.lora_A.weight", "last.lora_B.weight"]
        )
    }

    @Test("merged weights give the adapter's output")
    func merging() {
        let p = parameters
        let found = layer(p).merging(adapter(p))(
            Variable(Tensor(doubles: p.x, shape: [rows, inputs])),
            adapters: BatchAdapters(nil),
            tape: nil
        )
        #expect(CentralDifferences.relativeError(found.value.values, reference(p, scale: 1.5)) < 1e-5)
    }
}
