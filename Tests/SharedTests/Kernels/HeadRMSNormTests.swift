import Shared
import TestSupport
import Testing

@Suite struct HeadRMSNormTests {
    static func reference(_ x: [Double], _ weight: [Double]) -> [Double] {
        let width = weight.count
        return (0..<(x.count / width)).flatMap { row in
            let values = x[(row * width)..<((row + 1) * width)]
            let factor = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(width) + 1e-6).squareRoot()
            return zip(values, weight).map { $0 * factor * $1 }
        }
    }

    @Test("output and derivative equal the reference", arguments: [2, 15, 16, 17, 32])
    func norm(width: Int) {
        let rows = 5
        let x = CentralDifferences.numbers(rows * width, seed: 1)
        let weight = CentralDifferences.numbers(width, seed: 2)
        let slope = CentralDifferences.numbers(rows * width, seed: 3)
        var output = Tensor(zeros: [rows, width])
        var dx = Tensor(zeros: [rows, width])
        Tensor(doubles: x, shape: [rows, width]).withUnsafeBuffer { x in
            Tensor(doubles: weight, shape: [width]).withUnsafeBuffer { weight in
                Tensor(doubles: slope, shape: [rows, width]).withUnsafeBuffer { slope in
                    output.withUnsafeMutableBuffer { output in
                        dx.withUnsafeMutableBuffer { dx in
                            guard
                                let x = x.baseAddress, let weight = weight.baseAddress,
                                let slope = slope.baseAddress, let output = output.baseAddress,
                                let dx = dx.baseAddress
                            else { return }
                            unsafe HeadRMSNorm.apply(
                                x,
                                stride: width,
                                weight: weight,
                                into: output,
                                stride: width,
                                rows: rows,
                                width: width,
                                epsilon: 1e-6
                            )
                            unsafe HeadRMSNorm.backward(
                                x,
                                stride: width,
                                weight: weight,
                                gradient: slope,
                                stride: width,
                                into: dx,
                                stride: width,
                                rows: rows,
                                width: width,
                                epsilon: 1e-6,
                                adds: false
                            )
                            unsafe HeadRMSNorm.backward(
                                x,
                                stride: width,
                                weight: weight,
                                gradient: slope,
                                stride: width,
                                into: dx,
                                stride: width,
                                rows: rows,
                                width: width,
                                epsilon: 1e-6,
                                adds: true
                            )
                        }
                    }
                }
            }
        }
        #expect(CentralDifferences.relativeError(output.values, Self.reference(x, weight)) < 1e-5)
        let expected = CentralDifferences.gradient(x) {
            CentralDifferences.dot(Self.reference($0, weight), slope)
        }
        #expect(CentralDifferences.relativeError(dx.values, expected.map { 2 * $0 }) < 1e-4)
    }
}
