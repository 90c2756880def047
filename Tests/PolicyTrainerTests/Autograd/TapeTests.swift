import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite struct TapeTests {
    private let x = Tensor(doubles: CentralDifferences.numbers(12, seed: 1), shape: [3, 4])

    @Test("a checkpointed block gives the bits of a plain one, for inputs that are also used elsewhere")
    func checkpoint() {
        func block(_ inputs: [Variable], _ tape: Tape?) -> [Variable] {
            let a = inputs[0].activated(.geluTanh, tape: tape)
            return [a.plus(inputs[1], tape: tape).activated(.silu, tape: tape), a]
        }
        let results = [false, true].map { checkpointing in
            let tape = Tape()
            let leaf = tape.variable(x)
            let early = leaf.activated(.silu, tape: tape)
            let outputs = checkpointing ? tape.checkpoint([early, leaf], block) : block([early, leaf], tape)
            let result = outputs[0].plus(outputs[1], tape: tape).plus(leaf, tape: tape).plus(
                early,
                tape: tape
            )
            var table = tape.makeTable()
            table.add(result.value, to: result.id)
            tape.run(&table)
            return (result.value.values, table.take(leaf.id)?.values)
        }
        #expect(results[0].0 == results[1].0)
        #expect(results[0].1 != nil && results[0].1 == results[1].1)
    }

    @Test("a constant output has no gradients")
    func constant() {
        let tape = Tape()
        let output = Variable(x).activated(.silu, tape: tape)
        #expect(output.id == nil)
        #expect(tape.backward(from: output, gradient: x).names.isEmpty)
    }

    @Test("gradients of shards add up, scale, and have a norm in a fixed order")
    func gradients() {
        var first = Gradients()
        first.add(Tensor([1, 2]), to: "b")
        first.add(Tensor([4]), to: "a")
        var second = Gradients()
        second.add(Tensor([2, 2]), to: "b")
        second.add(Tensor([8]), to: "c")
        first.add(second)
        #expect(first.names == ["a", "b", "c"])
        #expect(first["b"]?.values == [3, 4])
        #expect(abs(first.globalNorm - (16.0 + 25 + 64).squareRoot()) < 1e-12)
        first.scale(by: 0.5)
        #expect(first["a"]?.values == [2] && first["b"]?.values == [1.5, 2] && first["c"]?.values == [4])
        #expect(first["d"] == nil)
    }
}
