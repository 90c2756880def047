import Foundation
import Shared
import TestSupport
import Testing

@Suite struct PairRotaryTests {
    @Test("adjacent channels turn, and the reverse turn undoes it", arguments: [1, 3, 8, 17])
    func turn(pairs: Int) {
        let (tokens, stride) = (4, 2 * pairs + 3)
        let angles = CentralDifferences.numbers((tokens + 2) * pairs, seed: pairs)
        let shape = [tokens + 2, pairs]
        let table = RotaryTable(
            cosine: Tensor(doubles: angles.map { cos($0) }, shape: shape),
            sine: Tensor(doubles: angles.map { sin($0) }, shape: shape)
        )
        let x = CentralDifferences.numbers(tokens * stride, seed: 9)
        var found = Tensor(doubles: x, shape: [tokens, stride])
        func turn(reversed: Bool) {
            found.withUnsafeMutableBuffer { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe PairRotary.turn(
                    base,
                    stride: stride,
                    by: table,
                    tokens: 2..<(tokens + 2),
                    reversed: reversed
                )
            }
        }
        turn(reversed: false)
        var expected = x
        for token in 0..<tokens {
            for pair in 0..<pairs {
                let (first, angle) = (token * stride + 2 * pair, angles[(token + 2) * pairs + pair])
                expected[first] = x[first] * cos(angle) - x[first + 1] * sin(angle)
                expected[first + 1] = x[first] * sin(angle) + x[first + 1] * cos(angle)
            }
        }
        #expect(CentralDifferences.relativeError(found.values, expected) < 1e-6)
        turn(reversed: true)
        #expect(CentralDifferences.relativeError(found.values, x) < 1e-6)
    }
}
