import Foundation
import Shared
import TestSupport
import Testing

@Suite("Row kernels: RMS norm, rotary embedding, gate, sums")
struct RowKernelsTests {
    private func random(_ shape: [Int], seed: String) -> Tensor {
        var generator = SeedTree(seed: 2)[seed].generator
        return Tensor(generator.normals(count: shape.reduce(1, *)), shape: shape)
    }

    @Test("RMS norm equals plain loops", arguments: [1, 7, 15, 16, 17, 33, 1280])
    func rmsNorm(columns: Int) {
        let x = random([3, columns], seed: "x")
        let weight = random([columns], seed: "w")
        let found = RMSNorm.apply(x, weight: weight, epsilon: 1e-6).values
        for row in 0..<3 {
            let values = x.values[row * columns..<(row + 1) * columns].map(Double.init)
            let factor = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-6).squareRoot()
            let expected = zip(values, weight.values).map { Float($0 * factor) * $1 }
            let difference = Tolerance.largestDifference(
                Array(found[row * columns..<(row + 1) * columns]),
                expected
            )
            #expect(difference < 2e-6)
        }
    }

    @Test("a row of almost zeros is scaled by epsilon, not by its own size")
    func nearZero() {
        let x = Tensor([Float](repeating: 1e-6, count: 16), shape: [1, 16])
        let found = RMSNorm.apply(x, weight: Tensor([Float](repeating: 1, count: 16)), epsilon: 1e-6)
        #expect(found.values.allSatisfy { abs($0 - 1e-3) < 1e-8 })
    }

    @Test("rotary embedding turns halves of heads and leaves other columns", arguments: [2, 16, 20, 80])
    func rotary(dimension: Int) {
        let (rows, heads, half) = (5, 3, dimension / 2)
        let x = random([rows, heads * dimension + 4], seed: "x")
        let angles = random([rows, half], seed: "a").values
        var found = x
        HalfRotary.apply(
            &found,
            cosines: Tensor(angles.map { cos($0) }, shape: [rows, half]),
            sines: Tensor(angles.map { sin($0) }, shape: [rows, half]),
            headCount: heads,
            headDimension: dimension
        )
        var expected = x.values
        for row in 0..<rows {
            for head in 0..<heads {
                for index in 0..<half {
                    let low = row * (heads * dimension + 4) + head * dimension + index
                    let (a, b, angle) = (x.values[low], x.values[low + half], angles[row * half + index])
                    expected[low] = a * cos(angle) - b * sin(angle)
                    expected[low + half] = b * cos(angle) + a * sin(angle)
                }
            }
        }
        #expect(Tolerance.largestDifference(found.values, expected) < 1e-6)
    }

    @Test("the gate is silu(gate) · up", arguments: [1, 15, 16, 17, 1000])
    func gate(count: Int) {
        let gate = random([count], seed: "g").values.map { $0 * 20 }
        let up = random([count], seed: "u")
        let expected = zip(gate, up.values).map { Float(Double($0) / (1 + exp(-Double($0)))) * $1 }
        let found = GatedSiLU.apply(gate: Tensor(gate), up: up).values
        #expect(Tolerance.relativeDifference(found, expected) < 1e-6)
    }

    @Test("bias and sums are added to every row", arguments: [1, 16, 33])
    func additions(columns: Int) {
        let bias = random([columns], seed: "b")
        let y = random([3, columns], seed: "y")
        var x = random([3, columns], seed: "x")
        let before = x.values
        RowArithmetic.addBias(bias, to: &x)
        #expect(x.values == before.enumerated().map { $1 + bias.values[$0 % columns] })
        let biased = x.values
        RowArithmetic.accumulate(y, into: &x)
        #expect(x.values == zip(biased, y.values).map { $0 + $1 })
    }

    @Test("dot products equal plain loops and do not depend on the range", arguments: [1, 31, 32, 33, 200])
    func dots(columns: Int) {
        let matrix = random([9, columns], seed: "m")
        let x = random([columns], seed: "x")
        let all = RowArithmetic.dots(matrix, rows: 0..<9, with: x)
        for row in 0..<9 {
            #expect(RowArithmetic.dots(matrix, rows: row..<row + 1, with: x) == [all[row]])
            let expected = zip(matrix.rows(row..<row + 1).values, x.values).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
            #expect(abs(Double(all[row]) - expected) < 1e-4)
        }
        #expect(RowArithmetic.dots(matrix, rows: 4..<4, with: x).isEmpty)
    }
}
