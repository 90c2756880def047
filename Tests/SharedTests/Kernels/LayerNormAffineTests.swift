import Foundation
import Shared
import TestSupport
import Testing

@Suite("Layer norm with weight and bias, sums of runs of rows")
struct LayerNormAffineTests {
    private func random(_ shape: [Int], seed: String) -> Tensor {
        var generator = SeedTree(seed: 3)[seed].generator
        return Tensor(generator.normals(count: shape.reduce(1, *)), shape: shape)
    }

    @Test("layer norm equals plain loops in double", arguments: [1, 7, 15, 16, 17, 33, 1152])
    func plainLoops(columns: Int) {
        // A large mean, which a sum of squares alone would not survive.
        let x = Tensor(random([3, columns], seed: "x").values.map { $0 + 40 }, shape: [3, columns])
        let (weight, bias) = (random([columns], seed: "w"), random([columns], seed: "b"))
        let found = LayerNorm.apply(x, weight: weight, bias: bias, epsilon: 1e-6).values
        for row in 0..<3 {
            let values = x.values[row * columns..<(row + 1) * columns].map(Double.init)
            let mean = values.reduce(0, +) / Double(columns)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            let factor = 1 / (variance + 1e-6).squareRoot()
            for (column, value) in values.enumerated() {
                let expected =
                    (value - mean) * factor * Double(weight.values[column]) + Double(bias.values[column])
                #expect(abs(Double(found[row * columns + column]) - expected) < 2e-5)
            }
        }
    }

    @Test("a row's bits do not depend on the others")
    func independence() {
        let x = random([5, 37], seed: "x")
        let (weight, bias) = (random([37], seed: "w"), random([37], seed: "b"))
        let all = LayerNorm.apply(x, weight: weight, bias: bias, epsilon: 1e-6)
        for row in 0..<5 {
            let alone = LayerNorm.apply(x.rows(row..<row + 1), weight: weight, bias: bias, epsilon: 1e-6)
            #expect(alone.values == all.rows(row..<row + 1).values)
        }
    }

    @Test("a constant row gives the bias")
    func constant() {
        let x = Tensor([Float](repeating: 3, count: 20), shape: [1, 20])
        let bias = random([20], seed: "b")
        let found = LayerNorm.apply(x, weight: random([20], seed: "w"), bias: bias, epsilon: 1e-6)
        #expect(found.values == bias.values)
    }

    @Test("a run of rows is added where it belongs and nowhere else")
    func runs() {
        let (x, y) = (random([6, 5], seed: "x"), random([4, 5], seed: "y"))
        var found = x
        RowArithmetic.accumulate(y, rows: 1..<3, into: &found, at: 3)
        var expected = x.values
        for index in 0..<10 {
            expected[15 + index] += y.values[5 + index]
        }
        #expect(found.values == expected)
    }
}
