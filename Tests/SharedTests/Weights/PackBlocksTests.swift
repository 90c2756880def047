import TestSupport
import Testing

@testable import Shared

@Suite("Packing kernels")
struct PackBlocksTests {
    /// Numbers of many magnitudes, with a row of zeros.
    private func matrix(rows: Int, columns: Int) -> WeightMatrix {
        var generator = SeedTree(seed: 11)["pack", rows, columns].generator
        var values = generator.normals(count: rows * columns)
        for index in values.indices {
            values[index] *= index < columns ? 0 : Float.pow2(index / columns % 20 - 16)
        }
        return WeightMatrix(Tensor(values, shape: [rows, columns]))
    }

    @Test("a number moves by half a step of its block at most", arguments: [WeightFormat.q8_0, .q4_0])
    func accuracy(format: WeightFormat) throws {
        let source = matrix(rows: 21, columns: 96)
        let packed = try source.packed(as: format, name: "test")
        #expect(packed.format == format && packed.rowCount == 21 && packed.columnCount == 96)
        #expect(packed.byteCount == 21 * 3 * format.blockByteCount)
        let (before, after) = (source.tensor().values, packed.tensor().values)
        for start in stride(from: 0, to: before.count, by: 32) {
            let block = start..<(start + 32)
            let most = before[block].reduce(0) { max($0, abs($1)) }
            // The scale is a half, eleven bits; small ones are multiples of 2^-24. Four bits end at 7 eighths.
            let step = format == .q8_0 ? most / 127 : most / 8
            let codes: Float = format == .q8_0 ? 127 : 8
            let limit = step * (format == .q8_0 ? 0.5 : 1) + most / 2048 + codes / Float(1 << 25)
            for index in block {
                #expect(abs(before[index] - after[index]) <= limit * 1.0001, "number \(index)")
            }
        }
    }

    @Test(
        "all instruction sets give the portable code's bytes",
        arguments: [WeightFormat.q8_0, .q4_0, .bfloat16]
    )
    func levels(format: WeightFormat) {
        let source = matrix(rows: 17, columns: 64).tensor().values
        let size = source.count / format.blockLength * format.blockByteCount
        func bytes(_ level: InstructionLevel) -> [UInt8] {
            var target = [UInt8](repeating: 0, count: size)
            target.withUnsafeMutableBytes { bytes in
                source.withUnsafeBufferPointer { x in
                    guard let x = x.baseAddress, let to = bytes.baseAddress else { return }
                    WeightMatrix.pack(x, as: format, into: to, count: source.count, level: level)
                }
            }
            return target
        }
        for level in InstructionLevel.available {
            #expect(bytes(level) == bytes(.portable), "\(level)")
        }
    }

    @Test("codes and scales of a block are those of the gguf package")
    func golden() throws {
        // gguf.quants.quantize of the row 0.1, -0.2, 0.3 … 3.2 with alternating signs.
        let row = (1...32).map { Float($0) * ($0.isMultiple(of: 2) ? -0.1 : 0.1) }
        let eight = try WeightMatrix(Tensor(row, shape: [1, 32])).packed(as: .q8_0, name: "test").tensor()
        let four = try WeightMatrix(Tensor(row, shape: [1, 32])).packed(as: .q4_0, name: "test").tensor()
        #expect(
            eight.values.prefix(4) == [0.10076904296875, -0.2015380859375, 0.30230712890625, -0.403076171875]
        )
        #expect(four.values.prefix(4) == [0.0, 0.0, 0.39990234375, -0.39990234375])
    }

    @Test("rows that are no whole blocks become bfloat16, and a matrix of the format stays itself")
    func otherRows() throws {
        let odd = try matrix(rows: 3, columns: 48).packed(as: .q4_0, name: "test")
        #expect(odd.format == .bfloat16)
        let packed = try matrix(rows: 3, columns: 64).packed(as: .q8_0, name: "test")
        let again = try packed.packed(as: .q8_0, name: "test")
        #expect(again.tensor().values == packed.tensor().values)
    }

    @Test(
        "bfloat16 products with a stack and its transposed equal float32 products of rounded factors",
        .enabled(if: Precision.bfloat16.obstacle == nil),
        arguments: [WeightFormat.float32, .bfloat16, .q8_0, .q4_0]
    )
    func transposed(format: WeightFormat) throws {
        // Small integers are exact in bfloat16, and so are their sums in float32.
        func integers(_ rows: Int, _ columns: Int, _ step: Int) -> Tensor {
            Tensor((0..<(rows * columns)).map { Float($0 * step % 7 - 3) }, shape: [rows, columns])
        }
        let parts = try [(64, 3), (130, 5)].map { rows, step in
            let floats = WeightMatrix(integers(rows, 320, step))
            return format == .float32 ? floats : try floats.packed(as: format, name: "test")
        }
        let stack = WeightStack(parts)
        let numbers = stack.tensor()
        let rounded = Tensor(
            numbers.values.map { BFloat16.value(BFloat16.bits($0)) },
            shape: numbers.shape
        )
        let x = integers(9, 320, 2)
        let forward = GEMM.bfloat16(ProductRows(x, for: .bfloat16), weight: stack, bias: nil)
        let expected = GEMM.linear(x, weight: rounded)
        #expect(Tolerance.relativeDifference(forward.values, expected.values) < 1e-5)
        let g = integers(9, 194, 3)
        let back = Tensor([9, 320]) { target in
            guard let target = target.baseAddress else { return }
            GEMM.bfloat16Back(g, weight: stack, into: target, adds: false)
            GEMM.bfloat16Back(g, weight: stack, into: target, adds: true)
        }
        let turned = GEMM.linear(
            Tensor(g.values.map { 2 * $0 }, shape: g.shape),
            weight: rounded.transposed()
        )
        #expect(Tolerance.relativeDifference(back.values, turned.values) < 1e-5)
    }

    @Test("a stack lends its rows panel by panel, across its matrices", arguments: [false, true])
    func stack(isStreamed: Bool) throws {
        let parts = try [5, 3000, 1200].map { rows in
            try matrix(rows: rows, columns: 2048).packed(as: .q8_0, name: "test")
        }
        let stack = WeightStack(parts, stream: isStreamed ? WeightStream() : nil)
        let whole = stack.tensor()
        #expect(whole.shape == [4205, 2048])
        for _ in 0..<2 {
            var next = 0
            var panels = 0
            stack.forEachPanel { rows, numbers in
                #expect(rows.lowerBound == next)
                let found = Array(UnsafeBufferPointer(start: numbers, count: rows.count * 2048))
                #expect(found == whole.rows(rows).values)
                next = rows.upperBound
                panels += 1
            }
            #expect(next == 4205 && panels == 2)
        }
    }
}

extension Float {
    /// 2 to a power.
    fileprivate static func pow2(_ exponent: Int) -> Float {
        Float(sign: .plus, exponent: exponent, significand: 1)
    }
}
