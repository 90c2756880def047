import Shared
import TestSupport
import Testing

@Suite("GEMM")
struct GEMMTests {
    static func tensor(_ shape: [Int], _ name: String) -> Tensor {
        var generator = SeedTree(seed: 1)[name].generator
        return Tensor(generator.normals(count: shape.reduce(1, *)), shape: shape)
    }

    @Test(
        "a linear layer equals plain loops at odd sizes",
        arguments: [(1, 1, 1), (3, 17, 5), (37, 129, 65)]
    )
    func matchesLoops(rows: Int, inputs: Int, outputs: Int) {
        let x = Self.tensor([rows, inputs], "x").values
        let w = Self.tensor([outputs, inputs], "w").values
        let y = GEMM.linear(Tensor(x, shape: [rows, inputs]), weight: Tensor(w, shape: [outputs, inputs]))
        #expect(y.shape == [rows, outputs])
        var expected = [Float]()
        for row in 0..<rows {
            for output in 0..<outputs {
                let sum = (0..<inputs).reduce(0.0) {
                    $0 + Double(x[row * inputs + $1]) * Double(w[output * inputs + $1])
                }
                expected.append(Float(sum))
            }
        }
        #expect(Tolerance.relativeDifference(y.values, expected) < 1e-5)
    }

    @Test(
        "a row has the same bits whatever the number of rows and its place among them",
        arguments: [(48, 96), (128, 352), (96, 288), (352, 128), (1176, 64), (17, 6)]
    )
    func rowsAreIndependent(inputs: Int, outputs: Int) {
        let weight = Self.tensor([outputs, inputs], "w")
        let input = Self.tensor([301, inputs], "x")
        let whole = GEMM.linear(input, weight: weight)
        for range in [0..<1, 5..<6, 300..<301, 0..<2, 7..<23, 100..<133, 37..<290] {
            let part = GEMM.linear(input.rows(range), weight: weight)
            #expect(part.values == whole.rows(range).values, "rows \(range)")
        }
    }

    @Test("transposed operands, α and β follow the BLAS definition")
    func transposes() {
        let (m, n, k) = (5, 7, 3)
        let a = Self.tensor([m, k], "a")
        let b = Self.tensor([k, n], "b")
        var expected = [Float](repeating: 0, count: m * n)
        let (av, bv) = (a.values, b.values)
        for i in 0..<m {
            for j in 0..<n {
                expected[i * n + j] = 1 + 2 * (0..<k).reduce(0) { $0 + av[i * k + $1] * bv[$1 * n + j] }
            }
        }
        for (left, right) in [(false, false), (true, false), (false, true), (true, true)] {
            let leftOperand = left ? a.transposed() : a
            let rightOperand = right ? b.transposed() : b
            var c = Tensor([Float](repeating: 1, count: m * n), shape: [m, n])
            leftOperand.withUnsafeBuffer { x in
                rightOperand.withUnsafeBuffer { y in
                    c.withUnsafeMutableBuffer { z in
                        guard let x = x.baseAddress, let y = y.baseAddress, let z = z.baseAddress else {
                            return
                        }
                        GEMM.multiply(
                            x,
                            y,
                            into: z,
                            rows: m,
                            columns: n,
                            depth: k,
                            transposeLeft: left,
                            transposeRight: right,
                            alpha: 2,
                            beta: 1
                        )
                    }
                }
            }
            #expect(Tolerance.largestDifference(c.values, expected) < 1e-5)
        }
    }
}
