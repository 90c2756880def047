import Shared
import TestSupport
import Testing

@Suite struct ElementwiseTests {
    @Test("the gated sum and its derivatives equal plain loops", arguments: [1, 15, 33], [1, 3])
    func gatedSum(width: Int, samples: Int) {
        let rows = 2 * samples
        let x = CentralDifferences.numbers(rows * width, seed: 1)
        let f = CentralDifferences.numbers(rows * width, seed: 2)
        let m = CentralDifferences.numbers(samples * 2 * width, seed: 3)
        let g = CentralDifferences.numbers(rows * width, seed: 4)
        let shape = [rows, width]
        let modulation = Tensor(doubles: m, shape: [samples, 2 * width])
        func gate(_ index: Int) -> Int { index / width / 2 * 2 * width + width + index % width }
        let found = Elementwise.gatedSum(
            Tensor(doubles: x, shape: shape),
            modulation: modulation,
            gate: 1,
            Tensor(doubles: f, shape: shape)
        )
        #expect(
            CentralDifferences.relativeError(found.values, x.indices.map { x[$0] + m[gate($0)] * f[$0] })
                < 1e-6
        )
        let df = Elementwise.gated(Tensor(doubles: g, shape: shape), modulation: modulation, gate: 1)
        #expect(CentralDifferences.relativeError(df.values, x.indices.map { m[gate($0)] * g[$0] }) < 1e-6)
        var dModulation = Tensor(zeros: [samples, 2 * width])
        Elementwise.gateBackward(
            Tensor(doubles: g, shape: shape),
            f: Tensor(doubles: f, shape: shape),
            gate: 1,
            into: &dModulation
        )
        var expected = [Double](repeating: 0, count: m.count)
        for index in x.indices {
            expected[gate(index)] += f[index] * g[index]
        }
        #expect(CentralDifferences.relativeError(dModulation.values, expected) < 1e-5)
    }

    @Test("sums of rows, filled rows and scaled sums equal plain loops", arguments: [1, 16, 37])
    func rows(width: Int) {
        let (rows, stride) = (5, width + 2)
        let x = CentralDifferences.numbers(rows * stride, seed: width)
        let row = CentralDifferences.numbers(width, seed: 50)
        var sum = Tensor(doubles: row, shape: [width])
        var filled = Tensor(doubles: x, shape: [rows, stride])
        Tensor(doubles: x, shape: [rows, stride]).withUnsafeBuffer { x in
            Tensor(doubles: row, shape: [width]).withUnsafeBuffer { row in
                sum.withUnsafeMutableBuffer { sum in
                    filled.withUnsafeMutableBuffer { filled in
                        guard
                            let x = x.baseAddress, let row = row.baseAddress, let sum = sum.baseAddress,
                            let filled = filled.baseAddress
                        else { return }
                        unsafe Elementwise.addSumOfRows(x, stride: stride, rows: rows, width: width, to: sum)
                        unsafe Elementwise.fill(filled, stride: stride, rows: rows, width: width, with: row)
                    }
                }
            }
        }
        let sums = (0..<width).map { column in
            (0..<rows).reduce(row[column]) { $0 + x[$1 * stride + column] }
        }
        #expect(CentralDifferences.relativeError(sum.values, sums) < 1e-5)
        let expected = x.indices.map { $0 % stride < width ? row[$0 % stride] : x[$0] }
        #expect(filled.values == expected.map(Float.init))
        let y = Tensor(doubles: x, shape: [rows, stride])
        let scaled = Elementwise.scaledSum(0.25, y, -2, filled)
        #expect(
            CentralDifferences.relativeError(scaled.values, zip(x, expected).map { 0.25 * $0 - 2 * $1 })
                < 1e-5
        )
    }
}
