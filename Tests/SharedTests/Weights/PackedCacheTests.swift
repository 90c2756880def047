import Foundation
import TestSupport
import Testing

@testable import Shared

@Suite("Packed weights on disk", .enabled(if: Precision.int8.obstacle == nil))
struct PackedCacheTests {
    private static let precisions: [Precision] = [.bfloat16, .int8].filter { $0.obstacle == nil }

    private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> WeightMatrix {
        var generator = SeedTree(seed: seed).generator
        return WeightMatrix(Tensor(generator.normals(count: rows * columns), shape: [rows, columns]))
    }

    private func product(_ matrix: PackedMatrix) -> [UInt32] {
        var generator = SeedTree(seed: 99).generator
        let x = Tensor(generator.normals(count: 3 * matrix.columnCount), shape: [3, matrix.columnCount])
        return GEMM.linear(x, weight: matrix).values.map(\.bitPattern)
    }

    /// Opens the cache, takes all matrices and saves.
    private func start(
        _ path: String,
        _ matrices: [String: WeightMatrix],
        _ precision: Precision
    ) throws -> (products: [String: [UInt32]], isInFile: Bool) {
        let cache = PackedCache(path: path)
        let packed = matrices.reduce(into: [:]) { packed, one in
            packed[one.key] = cache.matrix(one.key, of: one.value, precision: precision)
        }
        let isInFile = cache.isInFile
        try cache.save()
        return (packed.mapValues(product), isInFile)
    }

    @Test("a second start takes the same bits from the file", arguments: precisions)
    func roundTrip(precision: Precision) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("cache/model.packed")
        // One panel, several panels, and outputs that do not fill the last one.
        let matrices = [
            "a": matrix(64, 96, seed: 1), "b": matrix(1300, 80, seed: 2), "c": matrix(70, 33, seed: 3),
        ]
        let expected = matrices.mapValues { product(PackedMatrix($0, precision: precision)) }
        let first = try start(path, matrices, precision)
        #expect(!first.isInFile && first.products == expected)
        let second = try start(path, matrices, precision)
        #expect(second.isInFile && second.products == expected)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("cache")) == ["model.packed"])
    }

    @Test(
        "weights, shapes or arithmetic that changed are packed anew, and the file follows",
        arguments: precisions
    )
    func stale(precision: Precision) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.packed")
        let old = ["a": matrix(64, 96, seed: 1), "b": matrix(128, 64, seed: 2)]
        _ = try start(path, old, precision)
        let changes = [
            ["a": matrix(64, 96, seed: 1), "b": matrix(128, 64, seed: 7)],
            ["a": matrix(64, 96, seed: 1), "b": matrix(64, 128, seed: 2)],
            ["a": matrix(64, 96, seed: 1), "b": matrix(128, 64, seed: 2), "c": matrix(64, 64, seed: 3)],
        ]
        for change in changes {
            let expected = change.mapValues { product(PackedMatrix($0, precision: precision)) }
            let found = try start(path, change, precision)
            #expect(!found.isInFile && found.products == expected)
            #expect(try start(path, change, precision).isInFile)
        }
        for other in Self.precisions where other != precision {
            #expect(try !start(path, changes[2], other).isInFile)
        }
    }

    @Test("a damaged file counts as empty", arguments: precisions)
    func damaged(precision: Precision) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.packed")
        let matrices = ["a": matrix(64, 96, seed: 1)]
        let expected = matrices.mapValues { product(PackedMatrix($0, precision: precision)) }
        _ = try start(path, matrices, precision)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        var flipped = whole
        flipped[100] ^= 1
        var longIndex = whole
        longIndex[whole.count - 17] = 0xFF
        for bytes in [
            whole.prefix(whole.count / 2), whole.dropFirst(64), whole.suffix(24), flipped, longIndex,
        ] {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let found = try start(path, matrices, precision)
            #expect(!found.isInFile && found.products == expected)
        }
    }

    @Test("a cache that cannot be written says so and leaves nothing behind")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        try Data("a file".utf8).write(to: URL(fileURLWithPath: folder.file("file")))
        let cache = PackedCache(path: folder.file("file/model.packed"))
        _ = cache.matrix("a", of: matrix(64, 64, seed: 1), precision: .int8)
        #expect(throws: (any Error).self) { try cache.save() }
    }
}
