import Foundation
import Shared
import TestSupport
import Testing

@Suite("Segment attention")
struct SegmentAttentionTests {
    /// What a number may be off by: in bfloat16 each factor by 1/256 of itself, values being normal numbers.
    private func tolerance(_ precision: Precision) -> Float { precision == .float32 ? 2e-6 : 0.03 }

    private func random(_ shape: [Int], seed: String) -> Tensor {
        var generator = SeedTree(seed: 1)[seed].generator
        return Tensor(generator.normals(count: shape.reduce(1, *)), shape: shape)
    }

    /// The formula in double precision: one query row of one head against keys that are given as rows.
    private func reference(
        _ query: ArraySlice<Float>,
        _ keys: [ArraySlice<Float>],
        _ values: [ArraySlice<Float>]
    ) -> [Float] {
        let scale = 1 / Double(query.count).squareRoot()
        let scores = keys.map { key in
            zip(query, key).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } * scale
        }
        let largest = scores.max() ?? 0
        let weights = scores.map { exp($0 - largest) }
        let total = weights.reduce(0, +)
        return query.indices.map { index in
            let column = index - query.startIndex
            let sum = zip(weights, values).reduce(0.0) { $0 + $1.0 * Double($1.1[$1.1.startIndex + column]) }
            return Float(sum / total)
        }
    }

    private func row(_ tensor: Tensor, _ index: Int, _ first: Int, _ count: Int) -> ArraySlice<Float> {
        let values = tensor.rows(index..<index + 1).values
        return values[first..<first + count]
    }

    @Test(
        "rows attend to their segment as the formula says",
        arguments: [
            ([1], 1, 4), ([3, 1, 17], 2, 8), ([64, 65, 63], 3, 16), ([130], 2, 20), ([5, 128, 7], 1, 80),
            ([300], 1, 36),
        ],
        [Precision.float32, .bfloat16]
    )
    func full(size: (lengths: [Int], heads: Int, dimension: Int), precision: Precision) {
        let (lengths, heads, dimension) = size
        let rows = lengths.reduce(0, +)
        let width = heads * dimension
        let qkv = random([rows, 3 * width], seed: "qkv")
        var segments: [Range<Int>] = []
        for length in lengths {
            let start = segments.last?.upperBound ?? 0
            segments.append(start..<start + length)
        }
        let found = SegmentAttention.full(
            queries: HeadColumns(qkv),
            keys: HeadColumns(qkv, firstColumn: width),
            values: HeadColumns(qkv, firstColumn: 2 * width),
            segments: segments,
            headCount: heads,
            headDimension: dimension,
            precision: precision
        )
        for segment in segments {
            for index in [
                segment.lowerBound, segment.upperBound - 1, (segment.lowerBound + segment.upperBound) / 2,
            ] {
                for head in 0..<heads {
                    let column = head * dimension
                    let expected = reference(
                        row(qkv, index, column, dimension),
                        segment.map { row(qkv, $0, width + column, dimension) },
                        segment.map { row(qkv, $0, 2 * width + column, dimension) }
                    )
                    let difference = Tolerance.largestDifference(
                        Array(row(found, index, column, dimension)),
                        expected
                    )
                    #expect(difference < tolerance(precision))
                }
            }
        }
    }

    @Test(
        "branches see the trunk and themselves up to their own row",
        arguments: [
            (0, [5], 1, 1, 8), (1, [3, 70], 4, 2, 16), (63, [2, 1], 6, 2, 32), (100, [129, 30], 3, 1, 24),
            (64, [64], 8, 2, 128),
        ],
        [Precision.float32, .bfloat16]
    )
    func causal(
        size: (trunkLength: Int, lengths: [Int], heads: Int, keyHeads: Int, dimension: Int),
        precision: Precision
    ) {
        let (trunkLength, lengths, heads, keyHeads, dimension) = size
        let rows = lengths.reduce(0, +)
        let queries = random([rows, heads * dimension], seed: "q")
        let keys = random([rows, keyHeads * dimension], seed: "k")
        let values = random([rows, keyHeads * dimension], seed: "v")
        let trunk = SegmentAttention.Trunk(
            keys: random([trunkLength, keyHeads * dimension], seed: "tk"),
            values: random([trunkLength, keyHeads * dimension], seed: "tv")
        )
        var branches: [SegmentAttention.Branch] = []
        for length in lengths {
            let start = branches.last?.keyRows.upperBound ?? 0
            branches.append(
                .init(
                    keyRows: start..<start + length,
                    queryRows: start..<start + length,
                    trunk: trunkLength > 0 ? trunk : nil
                )
            )
        }
        let found = SegmentAttention.causal(
            queries: queries,
            keys: keys,
            values: values,
            branches: branches,
            headCount: heads,
            keyValueHeadCount: keyHeads,
            headDimension: dimension,
            precision: precision
        )
        for branch in branches {
            for index in Set([branch.keyRows.lowerBound, branch.keyRows.upperBound - 1]) {
                for head in 0..<heads {
                    let column = head / (heads / keyHeads) * dimension
                    let visible = branch.keyRows.lowerBound...index
                    let expected = reference(
                        row(queries, index, head * dimension, dimension),
                        (0..<trunkLength).map { row(trunk.keys, $0, column, dimension) }
                            + visible.map { row(keys, $0, column, dimension) },
                        (0..<trunkLength).map { row(trunk.values, $0, column, dimension) }
                            + visible.map { row(values, $0, column, dimension) }
                    )
                    let difference = Tolerance.largestDifference(
                        Array(row(found, index, head * dimension, dimension)),
                        expected
                    )
                    #expect(difference < tolerance(precision))
                }
            }
        }
    }

    @Test(
        "a row has the same bits wherever its keys are cut into trunk and branch",
        arguments: [1, 17, 63, 64, 65, 100, 128, 149],
        [Precision.float32, .bfloat16]
    )
    func cuts(trunkLength: Int, precision: Precision) {
        let (rows, heads, keyHeads, dimension) = (150, 6, 2, 20)
        let queries = random([rows, heads * dimension], seed: "q")
        let keys = random([rows, keyHeads * dimension], seed: "k")
        let values = random([rows, keyHeads * dimension], seed: "v")
        func attend(_ range: Range<Int>, _ trunk: SegmentAttention.Trunk?, last: Int? = nil) -> [Float] {
            let count = last ?? range.count
            return SegmentAttention.causal(
                queries: queries.rows(range.upperBound - count..<range.upperBound),
                keys: keys.rows(range),
                values: values.rows(range),
                branches: [.init(keyRows: 0..<range.count, queryRows: 0..<count, trunk: trunk)],
                headCount: heads,
                keyValueHeadCount: keyHeads,
                headDimension: dimension,
                precision: precision
            ).values
        }
        let whole = attend(0..<rows, nil)
        let trunk = SegmentAttention.Trunk(
            keys: keys.rows(0..<trunkLength),
            values: values.rows(0..<trunkLength)
        )
        let width = heads * dimension
        #expect(attend(0..<trunkLength, nil) == Array(whole.prefix(trunkLength * width)))
        #expect(attend(trunkLength..<rows, trunk) == Array(whole.suffix((rows - trunkLength) * width)))
        #expect(attend(trunkLength..<rows, trunk, last: 1) == Array(whole.suffix(width)))
    }

    @Test("large scores do not overflow, and a NaN stays where it is")
    func extremes() {
        let dimension = 8
        let large = Tensor((0..<70 * dimension).map { Float($0 % 7) * 1000 }, shape: [70, dimension])
        let found = SegmentAttention.full(
            queries: HeadColumns(large),
            keys: HeadColumns(large),
            values: HeadColumns(large),
            segments: [0..<70],
            headCount: 1,
            headDimension: dimension
        )
        #expect(found.isFinite)
        var spoiled = random([70, dimension], seed: "x").values
        spoiled[3 * dimension] = .nan
        let tensor = Tensor(spoiled, shape: [70, dimension])
        let mixed = SegmentAttention.full(
            queries: HeadColumns(tensor),
            keys: HeadColumns(tensor),
            values: HeadColumns(tensor),
            segments: [0..<10, 10..<70],
            headCount: 1,
            headDimension: dimension
        )
        #expect(mixed.rows(0..<1).values.contains { $0.isNaN })
        #expect(mixed.rows(10..<70).isFinite)
    }
}
