import Shared
import TestSupport
import Testing

@Suite struct LayerNormTests {
    /// `x̂ (1 + scale) + shift` with shift in columns 2 and scale in columns 0 of three.
    static func reference(_ x: [Double], _ modulation: [Double], width: Int, samples: Int) -> [Double] {
        let rows = x.count / width
        return (0..<rows).flatMap { row in
            let values = x[(row * width)..<((row + 1) * width)]
            let mean = values.reduce(0, +) / Double(width)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            let base = row / (rows / samples) * 3 * width
            return values.enumerated().map { index, value in
                (value - mean) / (variance + 1e-6).squareRoot() * (1 + modulation[base + index])
                    + modulation[base + 2 * width + index]
            }
        }
    }

    @Test("output and all derivatives equal the reference", arguments: [1, 7, 16, 33], [1, 2])
    func modulated(width: Int, samples: Int) {
        let rows = 3 * samples
        let x = CentralDifferences.numbers(rows * width, seed: 1)
        let modulation = CentralDifferences.numbers(samples * 3 * width, seed: 2)
        let slope = CentralDifferences.numbers(rows * width, seed: 3)
        let (xTensor, mTensor, gTensor) = (
            Tensor(doubles: x, shape: [rows, width]),
            Tensor(doubles: modulation, shape: [samples, 3 * width]),
            Tensor(doubles: slope, shape: [rows, width])
        )
        let (output, statistics) = LayerNorm.modulated(
            xTensor,
            modulation: mTensor,
            shift: 2,
            scale: 0,
            epsilon: 1e-6
        )
        let expected = Self.reference(x, modulation, width: width, samples: samples)
        #expect(CentralDifferences.relativeError(output.values, expected) < 1e-5)
        guard width > 1 else { return }
        let expectedX = CentralDifferences.gradient(x) {
            CentralDifferences.dot(Self.reference($0, modulation, width: width, samples: samples), slope)
        }
        for adds in [false, true] {
            var dx = Tensor([Float](repeating: 1, count: x.count))
            dx.withUnsafeMutableBuffer { buffer in
                guard let to = buffer.baseAddress else { return }
                unsafe LayerNorm.backward(
                    gTensor,
                    x: xTensor,
                    modulation: mTensor,
                    scale: 0,
                    statistics: statistics,
                    into: to,
                    adds: adds
                )
            }
            #expect(CentralDifferences.relativeError(dx.values, expectedX.map { $0 + (adds ? 1 : 0) }) < 1e-4)
        }
        var dModulation = Tensor(zeros: [samples, 3 * width])
        LayerNorm.modulationBackward(
            gTensor,
            x: xTensor,
            shift: 2,
            scale: 0,
            statistics: statistics,
            into: &dModulation
        )
        let expectedModulation = CentralDifferences.gradient(modulation) {
            CentralDifferences.dot(Self.reference(x, $0, width: width, samples: samples), slope)
        }
        #expect(CentralDifferences.relativeError(dModulation.values, expectedModulation) < 1e-4)
    }

    @Test("many rows give the same bits as few, on one thread or two")
    func blocks() {
        let (rows, width) = (4096, 128)
        let x = Tensor(doubles: CentralDifferences.numbers(rows * width, seed: 5), shape: [rows, width])
        let modulation = Tensor(
            doubles: CentralDifferences.numbers(4 * 3 * width, seed: 6),
            shape: [4, 3 * width]
        )
        let whole = LayerNorm.modulated(x, modulation: modulation, shift: 0, scale: 1, epsilon: 1e-6).output
        let part = LayerNorm.modulated(
            x.rows(3072..<4096),
            modulation: modulation.rows(3..<4),
            shift: 0,
            scale: 1,
            epsilon: 1e-6
        ).output
        #expect(whole.rows(3072..<4096).values == part.values)
    }
}
