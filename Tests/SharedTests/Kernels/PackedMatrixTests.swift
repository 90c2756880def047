import Foundation
import TestSupport
import Testing

@testable import Shared

/// Why narrow products cannot be tested here, if so.
private let narrow: [Precision] = [.bfloat16, .int8].filter { $0.obstacle == nil }

@Suite("Products in bfloat16 and int8")
struct PackedMatrixTests {
    /// What a product may be off by, relative to the root of the inputs' number: rounding to 8 bits of fraction, or to
    /// 1/127 and 1/255 of the largest weight and activation; normal numbers, so the largest is about 4.
    private static func tolerance(_ precision: Precision, inputs: Int) -> Double {
        Double(inputs).squareRoot() * (precision == .int8 ? 0.1 : 0.02)
    }

    private static func plainProduct(_ x: Tensor, _ w: Tensor, _ bias: Tensor?) -> [Double] {
        let (a, b, columns) = (x.values, w.values, x.columnCount)
        return (0..<x.rowCount).flatMap { row in
            (0..<w.rowCount).map { output in
                (0..<columns).reduce(Double(bias?.values[output] ?? 0)) {
                    $0 + Double(a[row * columns + $1]) * Double(b[output * columns + $1])
                }
            }
        }
    }

    @Test(
        "a narrow product is the plain product up to the rounding of its factors",
        .enabled(if: !narrow.isEmpty, "needs oneDNN"),
        arguments: narrow,
        [(1, 1, 1), (3, 17, 5), (16, 64, 32), (37, 129, 65), (260, 33, 100), (5, 700, 384)]
    )
    func plain(precision: Precision, size: (rows: Int, outputs: Int, inputs: Int)) {
        let x = GEMMTests.tensor([size.rows, size.inputs], "x")
        let w = GEMMTests.tensor([size.outputs, size.inputs], "w")
        let bias = GEMMTests.tensor([size.outputs], "bias")
        let packed = PackedMatrix(WeightMatrix(w), precision: precision)
        for bias in [bias, nil] {
            let y = GEMM.linear(x, weight: packed, bias: bias)
            #expect(y.shape == [size.rows, size.outputs])
            let worst = zip(y.values, Self.plainProduct(x, w, bias)).reduce(0.0) {
                max($0, abs(Double($1.0) - $1.1))
            }
            #expect(worst <= Self.tolerance(precision, inputs: size.inputs))
        }
    }

    @Test(
        "a row has the same bits whatever rows stand around it",
        .enabled(if: !narrow.isEmpty, "needs oneDNN"),
        arguments: narrow,
        [(640, 1000), (65, 129), (1100, 2048)]
    )
    func rowIndependence(precision: Precision, size: (outputs: Int, inputs: Int)) {
        let whole = GEMMTests.tensor([812, size.inputs], "x")
        let w = GEMMTests.tensor([size.outputs, size.inputs], "w")
        let weight = PackedMatrix(WeightMatrix(w), precision: precision)
        let y = GEMM.linear(whole, weight: weight)
        for range in [
            0..<1, 811..<812, 3..<5, 5..<21, 255..<257, 100..<131, 7..<263, 256..<512, 300..<811, 0..<811,
        ] {
            #expect(
                GEMM.linear(whole.rows(range), weight: weight).values == y.rows(range).values,
                "rows \(range)"
            )
        }
    }

    @Test(
        "compressed weights that are unpacked for every product give its bits with packed ones",
        .enabled(if: !narrow.isEmpty, "needs oneDNN"),
        arguments: narrow
    )
    func compressed(precision: Precision) throws {
        let folder = try TemporaryFolder()
        let (outputs, inputs) = (150, 96)
        let blocks = outputs * inputs / 32
        // Q8_0: a half scale, then 32 codes.
        let bytes = (0..<blocks).flatMap { block -> [UInt8] in
            [UInt8(block % 256), 0x20] + (0..<32).map { UInt8(truncatingIfNeeded: block * 31 + $0 * 57) }
        }
        let path = folder.file("q8")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let file = try MappedFile(path: path)
        let stored = try WeightMatrix(
            file,
            range: 0..<bytes.count,
            format: .q8_0,
            rowCount: outputs,
            columnCount: inputs
        )
        let x = GEMMTests.tensor([20, inputs], "x")
        let y = GEMM.linear(x, weight: PackedMatrix(stored, precision: precision))
        let expanded = PackedMatrix(stored.expanded(), precision: precision)
        #expect(y.values == GEMM.linear(x, weight: expanded).values)
        #expect(PackedMatrix(stored, precision: precision).byteCount == bytes.count)
    }

    @Test(
        "a row with a NaN or an infinity gives a row without a finite number, and no other",
        .enabled(if: !narrow.isEmpty, "needs oneDNN"),
        arguments: narrow,
        [Float.nan, .infinity, -.infinity]
    )
    func nonFinite(precision: Precision, spoiler: Float) {
        let (rows, inputs, outputs) = (19, 70, 33)
        let clean = GEMMTests.tensor([rows, inputs], "x")
        var values = clean.values
        values[4 * inputs + 7] = spoiler
        let spoiled = Tensor(values, shape: [rows, inputs])
        let w = GEMMTests.tensor([outputs, inputs], "w")
        let weight = PackedMatrix(WeightMatrix(w), precision: precision)
        let y = GEMM.linear(spoiled, weight: weight)
        #expect(y.rows(4..<5).values.allSatisfy { !$0.isFinite })
        let expected = GEMM.linear(clean, weight: weight)
        #expect(y.rows(0..<4).values == expected.rows(0..<4).values)
        #expect(y.rows(5..<rows).values == expected.rows(5..<rows).values)
    }

    @Test(
        "a matrix is packed as the library itself would pack it",
        .enabled(if: narrow.contains(.bfloat16), "needs oneDNN"),
        arguments: [(1, 1), (17, 5), (64, 32), (129, 65), (200, 384)]
    )
    func layout(size: (outputs: Int, inputs: Int)) throws {
        // Small integers are bfloat16 numbers already.
        let numbers = (0..<size.outputs * size.inputs).map { Float($0 * 37 % 251 - 125) }
        let codes = numbers.map { UInt16($0.bitPattern >> 16) }
        let weight = Tensor(numbers, shape: [size.outputs, size.inputs])
        for panel in PackedMatrix(WeightMatrix(weight), precision: .bfloat16).panels {
            let expected = AlignedMemory(byteCount: panel.layout.byteCount)
            let first = panel.outputs.lowerBound * size.inputs
            try unsafe Array(codes[first..<panel.outputs.upperBound * size.inputs]).withUnsafeBytes { rows in
                unsafe panel.layout.pack(try #require(rows.baseAddress), into: expected.base)
            }
            let found = try #require(panel.packed?.numbers)
            let difference = unsafe memcmp(found.base, expected.base, panel.layout.byteCount)
            #expect(difference == 0)
        }
    }

    @Test(
        "panels cover all outputs and start at whole blocks",
        arguments: [1, 63, 64, 65, 512, 1280, 2048, 11008]
    )
    func panels(outputs: Int) {
        let panels = PackedMatrix.panels(outputs: outputs)
        #expect(panels.first?.lowerBound == 0 && panels.last?.upperBound == outputs)
        #expect(zip(panels, panels.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(panels.allSatisfy { !$0.isEmpty && $0.count <= 256 && $0.lowerBound.isMultiple(of: 64) })
    }
}
