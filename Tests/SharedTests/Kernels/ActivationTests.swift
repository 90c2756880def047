import Foundation
import Shared
import TestSupport
import Testing

@Suite struct ActivationTests {
    static func reference(_ kind: ActivationKind, _ x: Double) -> Double {
        switch kind {
        case .silu: x / (1 + exp(-x))
        case .gelu: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .quickGELU: x / (1 + exp(-1.702 * x))
        }
    }

    @Test("every activation equals its formula in double precision", arguments: ActivationKind.allCases)
    func forward(kind: ActivationKind) {
        let x = (0..<4001).map { Float($0 - 2000) * 0.01 }
        let found = Activation.apply(kind, Tensor(x)).values
        for (value, input) in zip(found, x) {
            let expected = Self.reference(kind, Double(input))
            #expect(abs(Double(value) - expected) <= 1e-6 * max(abs(expected), 1), "\(kind) at \(input)")
        }
    }

    @Test("ends of the number range give no NaN", arguments: ActivationKind.allCases)
    func extremes(kind: ActivationKind) {
        let found = Activation.apply(kind, Tensor([-1e30, -200, -0.0, 0, 200, 1e30])).values
        #expect(found[4] == 200 && found[5] == 1e30 && found[2] == 0 && found[3] == 0)
        #expect(abs(found[0]) < 1e-20 && abs(found[1]) < 1e-20)
        #expect(Activation.apply(kind, Tensor([.nan])).values[0].isNaN)
    }

    @Test("derivatives equal central differences", arguments: ActivationKind.allCases, [1, 15, 16, 33])
    func backward(kind: ActivationKind, width: Int) {
        let (rows, stride) = (3, 40)
        let x = CentralDifferences.numbers(rows * stride, seed: width).map { 2 * $0 }
        let slope = CentralDifferences.numbers(rows * stride, seed: 100 + width)
        for adds in [false, true] {
            var dx = Tensor([Float](repeating: 0.5, count: rows * stride))
            dx.withUnsafeMutableBuffer { dx in
                Tensor(doubles: x, shape: [x.count]).withUnsafeBuffer { x in
                    Tensor(doubles: slope, shape: [slope.count]).withUnsafeBuffer { g in
                        guard let x = x.baseAddress, let g = g.baseAddress, let to = dx.baseAddress else {
                            return
                        }
                        unsafe Activation.backward(
                            kind,
                            x,
                            stride: stride,
                            gradient: g,
                            stride: stride,
                            into: to,
                            stride: stride,
                            rows: rows,
                            width: width,
                            adds: adds
                        )
                    }
                }
            }
            let expected = (0..<(rows * stride)).map { index in
                guard index % stride < width else { return 0.5 }
                let derivative = CentralDifferences.gradient([x[index]]) { Self.reference(kind, $0[0]) }[0]
                return slope[index] * derivative + (adds ? 0.5 : 0)
            }
            #expect(CentralDifferences.relativeError(dx.values, expected) < 1e-5)
        }
    }
}
