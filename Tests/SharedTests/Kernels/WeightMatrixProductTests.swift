import Foundation
import TestSupport
import Testing

@testable import Shared

@Suite("Products with stored weights")
struct WeightMatrixProductTests {
    /// A matrix of normal numbers in a 16-bit file.
    static func matrix(
        _ rows: Int,
        _ columns: Int,
        _ elementType: ElementType,
        in folder: TemporaryFolder
    ) throws -> WeightMatrix {
        let path = folder.file("\(elementType.rawValue)-\(rows)-\(columns).safetensors")
        let numbers = GEMMTests.tensor([rows, columns], "stored")
        try SafetensorsWriter.write(["w": numbers], to: path, elementType: elementType)
        let file = try SafetensorsFile(path: path)
        let entry = try #require(file.entries["w"])
        return try WeightMatrix(
            file.mapping,
            range: entry.range,
            format: WeightFormat(elementType),
            rowCount: rows,
            columnCount: columns
        )
    }

    @Test(
        "a product with stored weights has the bits of the product with the unpacked ones",
        arguments: [ElementType.bfloat16, .float16, .float32],
        [(1, 1), (17, 5), (129, 65), (300, 1000)]
    )
    func equalsUnpacked(elementType: ElementType, size: (outputs: Int, inputs: Int)) throws {
        let folder = try TemporaryFolder()
        let weight = try Self.matrix(size.outputs, size.inputs, elementType, in: folder)
        let whole = GEMMTests.tensor([37, size.inputs], "x")
        let y = GEMM.linear(whole, weight: weight)
        #expect(y.shape == [37, size.outputs])
        #expect(y.values == GEMM.linear(whole, weight: weight.tensor()).values)
        #expect(y.values == GEMM.linear(whole, weight: weight.expanded()).values)
        for range in [0..<1, 36..<37, 5..<23] {
            #expect(
                GEMM.linear(whole.rows(range), weight: weight).values == y.rows(range).values,
                "rows \(range)"
            )
        }
    }

    @Test("a weight larger than the scratch is taken in panels, each row by itself")
    func panels() throws {
        let folder = try TemporaryFolder()
        let (outputs, inputs) = (1100, 8200)
        let height = GEMM.panelHeight(outputs: outputs, inputs: inputs)
        #expect(height < outputs && height * inputs <= UnpackScratch.pieceCount)
        let weight = try Self.matrix(outputs, inputs, .bfloat16, in: folder)
        let x = GEMMTests.tensor([5, inputs], "x")
        let y = GEMM.linear(x, weight: weight)
        #expect(y.values == GEMM.linear(x, weight: weight.expanded()).values)
        #expect(GEMM.linear(x.rows(3..<4), weight: weight).values == y.rows(3..<4).values)
        let (xs, ws) = (x.values, weight.tensor().values)
        for (row, output) in [(0, 0), (4, 1099), (2, height - 1), (2, height), (3, height + 1)] {
            let sum = (0..<inputs).reduce(0.0) {
                $0 + Double(xs[row * inputs + $1]) * Double(ws[output * inputs + $1])
            }
            #expect(
                abs(Double(y.values[row * outputs + output]) - sum) < 1e-2,
                "row \(row), output \(output)"
            )
        }
    }

    @Test("panels cover a weight evenly and fit the scratch")
    func panelHeights() {
        for (outputs, inputs) in [
            (11_008, 2048), (2048, 11_008), (151_936, 2048), (5120, 5120), (8192, 29_568), (1, 1),
            (7, 9_000_000),
            (100_000, 300_000), (0, 5),
        ] {
            let height = GEMM.panelHeight(outputs: outputs, inputs: inputs)
            #expect(height <= outputs && (height > 0 || outputs == 0))
            #expect(
                height * inputs <= UnpackScratch.pieceCount || height == 1,
                "\(outputs) × \(inputs): \(height)"
            )
        }
    }

    @Test("products side by side do not share scratch")
    func sideBySide() async throws {
        let folder = try TemporaryFolder()
        let weights = try [(257, 512), (300, 1000), (64, 2048)].map {
            try Self.matrix($0.0, $0.1, .bfloat16, in: folder)
        }
        let inputs = weights.map { GEMMTests.tensor([3, $0.columnCount], "x") }
        let expected = zip(inputs, weights).map { GEMM.linear($0, weight: $1).values }
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<24 {
                group.addTask {
                    let index = task % weights.count
                    return GEMM.linear(inputs[index], weight: weights[index]).values == expected[index]
                }
            }
            for await isEqual in group {
                #expect(isEqual)
            }
        }
    }

    @Test("dot products with stored rows have the bits of those with unpacked rows")
    func dots() throws {
        let folder = try TemporaryFolder()
        for (rows, columns) in [(70, 33), (200, 1000)] {
            let weight = try Self.matrix(rows, columns, .bfloat16, in: folder)
            let x = GEMMTests.tensor([columns], "x")
            let all = RowArithmetic.dots(weight.tensor(), rows: 0..<rows, with: x)
            for range in [0..<rows, 3..<4, 15..<69, 5..<5] {
                #expect(
                    RowArithmetic.dots(weight, rows: range, with: x) == Array(all[range]),
                    "rows \(range)"
                )
                #expect(RowArithmetic.dots(weight.expanded(), rows: range, with: x) == Array(all[range]))
            }
        }
    }
}
