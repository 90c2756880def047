import Foundation
import Shared
import TestSupport
import Testing

@Suite struct TokenAttentionTests {
    struct Operands {
        let (queries, keys, width): (Int, Int, Int)
        let q: [Double]
        let k: [Double]
        let v: [Double]

        init(queries: Int, keys: Int, width: Int) {
            (self.queries, self.keys, self.width) = (queries, keys, width)
            q = CentralDifferences.numbers(queries * width, seed: 1).map { 2 * $0 }
            k = CentralDifferences.numbers(keys * width, seed: 2).map { 2 * $0 }
            v = CentralDifferences.numbers(keys * width, seed: 3)
        }

        init(_ other: Operands, q: [Double], k: [Double]) {
            (queries, keys, width) = (other.queries, other.keys, other.width)
            (self.q, self.k, v) = (q, k, other.v)
        }

        func reference(q: [Double]? = nil, k: [Double]? = nil, v: [Double]? = nil) -> [Double] {
            let (q, k, v) = (q ?? self.q, k ?? self.k, v ?? self.v)
            return (0..<queries).flatMap { row in
                let scores = (0..<keys).map { key in
                    (0..<width).reduce(0) { $0 + q[row * width + $1] * k[key * width + $1] }
                        / Double(width).squareRoot()
                }
                let greatest = scores.max() ?? 0
                let weights = scores.map { exp($0 - greatest) }
                let sum = weights.reduce(0, +)
                return (0..<width).map { column in
                    (0..<keys).reduce(0) { $0 + weights[$1] * v[$1 * width + column] } / sum
                }
            }
        }
    }

    /// Puts zeros behind every row.
    private func padded(_ values: [Double], width: Int) -> Tensor {
        let stride = TokenAttention.rowStride(width: width)
        let rows = values.count / width
        var result = [Float](repeating: 0, count: rows * stride)
        for index in values.indices {
            result[index / width * stride + index % width] = Float(values[index])
        }
        return Tensor(result, shape: [rows, stride])
    }

    private func trimmed(_ tensor: Tensor, width: Int) -> [Float] {
        let stride = tensor.columnCount
        return tensor.values.enumerated().filter { $0.offset % stride < width }.map(\.element)
    }

    private func run(
        _ x: Operands,
        gradient: [Double],
        precision: Precision = .float32
    ) -> (o: [Float], dq: [Float], dk: [Float], dv: [Float]) {
        let stride = TokenAttention.rowStride(width: x.width)
        let inputs = [x.q, x.k, x.v, gradient].map { padded($0, width: x.width) }
        var outputs = [x.queries, x.queries, x.keys, x.keys].map { Tensor(zeros: [$0, stride]) }
        var sums = Tensor(zeros: [x.queries])
        let count = TokenAttention.scratchCount(queries: x.queries, stride: stride, precision: precision)
        // A kernel must not rely on what its scratch holds.
        var scratch = Tensor([Float](repeating: .nan, count: count))
        func pointer(_ tensor: Tensor) -> UnsafePointer<Float> {
            unsafe tensor.withUnsafeBuffer { unsafe UnsafePointer($0.baseAddress.unsafelyUnwrapped) }
        }
        func mutable(_ tensor: inout Tensor) -> UnsafeMutablePointer<Float> {
            unsafe tensor.withUnsafeMutableBuffer { unsafe $0.baseAddress.unsafelyUnwrapped }
        }
        let memory = unsafe mutable(&scratch)
        let logSums = unsafe mutable(&sums)
        let (o, dq) = unsafe (mutable(&outputs[0]), mutable(&outputs[1]))
        let (dk, dv) = unsafe (mutable(&outputs[2]), mutable(&outputs[3]))
        let (q, k) = unsafe (pointer(inputs[0]), pointer(inputs[1]))
        let (v, g) = unsafe (pointer(inputs[2]), pointer(inputs[3]))
        unsafe TokenAttention.forward(
            q,
            k,
            v,
            into: o,
            logSums: logSums,
            queries: x.queries,
            keys: x.keys,
            width: x.width,
            precision: precision,
            scratch: memory
        )
        unsafe TokenAttention.backward(
            g,
            q,
            k,
            v,
            o,
            logSums: logSums,
            intoQ: dq,
            intoK: dk,
            intoV: dv,
            queries: x.queries,
            keys: x.keys,
            width: x.width,
            precision: precision,
            scratch: memory
        )
        return withExtendedLifetime((inputs, sums, scratch)) {
            let trimmed = outputs.map { self.trimmed($0, width: x.width) }
            return (trimmed[0], trimmed[1], trimmed[2], trimmed[3])
        }
    }

    @Test(
        "output and derivatives equal the reference at odd sizes",
        arguments: [(1, 1, 1), (3, 5, 6), (5, 17, 16), (28, 28, 32), (7, 33, 20)]
    )
    func small(queries: Int, keys: Int, width: Int) {
        let x = Operands(queries: queries, keys: keys, width: width)
        let slope = CentralDifferences.numbers(queries * width, seed: 4)
        let found = run(x, gradient: slope)
        #expect(CentralDifferences.relativeError(found.o, x.reference()) < 1e-5)
        guard queries * keys <= 300 else { return }
        let dq = CentralDifferences.gradient(x.q) { CentralDifferences.dot(x.reference(q: $0), slope) }
        let dk = CentralDifferences.gradient(x.k) { CentralDifferences.dot(x.reference(k: $0), slope) }
        let dv = CentralDifferences.gradient(x.v) { CentralDifferences.dot(x.reference(v: $0), slope) }
        // One key: the weights are 1 and the scores' derivative is zero up to rounding.
        if keys > 1 {
            #expect(CentralDifferences.relativeError(found.dq, dq) < 1e-4)
            #expect(CentralDifferences.relativeError(found.dk, dk) < 1e-4)
        }
        #expect(CentralDifferences.relativeError(found.dv, dv) < 1e-4)
    }

    @Test(
        "several tiles of queries and keys equal the reference",
        arguments: [(65, 129), (130, 300), (64, 128)]
    )
    func tiles(queries: Int, keys: Int) {
        let width = 24
        let x = Operands(queries: queries, keys: keys, width: width)
        let slope = CentralDifferences.numbers(queries * width, seed: 4)
        let found = run(x, gradient: slope)
        #expect(CentralDifferences.relativeError(found.o, x.reference()) < 1e-5)
        // The derivative along one direction through all operands at once.
        for (index, derivative) in [found.dq, found.dk, found.dv].enumerated() {
            let direction = CentralDifferences.numbers(derivative.count, seed: 10 + index)
            let expected = CentralDifferences.gradient([0]) { step in
                func moved(_ values: [Double], _ operand: Int) -> [Double] {
                    operand == index ? zip(values, direction).map { $0 + step[0] * $1 } : values
                }
                return CentralDifferences.dot(
                    x.reference(q: moved(x.q, 0), k: moved(x.k, 1), v: moved(x.v, 2)),
                    slope
                )
            }[0]
            let value = CentralDifferences.dot(derivative.map(Double.init), direction)
            #expect(abs(value - expected) < 1e-3 * max(1, abs(expected)))
        }
    }

    @Test(
        "products in bfloat16 give output and derivatives of float32 up to their rounding",
        arguments: [
            (1, 1, 1), (3, 5, 6), (5, 17, 16), (28, 28, 32), (7, 33, 20), (65, 129, 48), (131, 300, 128),
        ]
    )
    func bfloat16(queries: Int, keys: Int, width: Int) {
        let x = Operands(queries: queries, keys: keys, width: width)
        let slope = CentralDifferences.numbers(queries * width, seed: 4)
        let exact = run(x, gradient: slope)
        let rounded = run(x, gradient: slope, precision: .bfloat16)
        let pairs = [
            (rounded.o, exact.o), (rounded.dq, exact.dq), (rounded.dk, exact.dk), (rounded.dv, exact.dv),
        ]
        // One key: the weights are 1 and the scores' derivative is zero up to rounding.
        for (index, pair) in pairs.enumerated() where keys > 1 || index == 0 || index == 3 {
            // Factors have 8 bits; of three roundings in a row, at the greatest number.
            #expect(Tolerance.relativeDifference(pair.0, pair.1) < 0.05, "operand \(index)")
        }
    }

    @Test("scores far below zero, and keys that fill no tile, leave derivatives finite in both precisions")
    func lowScores() {
        var x = Operands(queries: 5, keys: 17, width: 16)
        x = Operands(x, q: x.q.map { _ in 20 }, k: x.k.map { _ in -20 })
        let slope = CentralDifferences.numbers(5 * 16, seed: 4)
        for precision in [Precision.float32, .bfloat16] {
            let found = run(x, gradient: slope, precision: precision)
            #expect([found.o, found.dq, found.dk, found.dv].allSatisfy { $0.allSatisfy(\.isFinite) })
        }
    }
}
