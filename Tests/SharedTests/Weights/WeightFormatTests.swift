import Foundation
import TestSupport
import Testing

@testable import Shared

/// Golden numbers of `scripts/fixtures/weight_formats.py`.
struct WeightFixture {
    let folder: String
    let expected: SafetensorsFile

    init() throws {
        folder = try #require(Bundle.module.resourcePath) + "/Fixtures/weight_formats"
        expected = try SafetensorsFile(path: folder + "/expected.safetensors")
    }

    func weights(_ stem: String, _ quantization: [String: Any]? = nil) throws -> WeightFolder {
        try WeightFolder(
            folder: folder,
            stem: stem,
            quantization: quantization.map { try WeightQuantization($0, path: "config.json") }
        )
    }

    static var awq: [String: Any] { ["quant_method": "awq", "bits": 4, "group_size": 24, "version": "gemm"] }
    static var gptq: [String: Any] { ["quant_method": "gptq", "bits": 4, "group_size": 24] }
    static var fp8: [String: Any] { ["quant_method": "fp8", "weight_block_size": [8, 16]] }
    static var compressed: [String: Any] {
        [
            "quant_method": "compressed-tensors", "format": "float-quantized",
            "config_groups": [
                "group_0": ["weights": ["num_bits": 8, "type": "float", "strategy": "channel"]]
            ],
        ]
    }
}

extension WeightMatrix {
    /// Rows as bit patterns, unpacked with the given instructions.
    func patterns(rows: Range<Int>, level: InstructionLevel) -> [UInt32] {
        let unpacked = Tensor([rows.count, columnCount]) { target in
            guard let base = target.baseAddress else { return }
            unpack(rows: rows, into: base, level: level)
        }
        return unpacked.values.map(\.bitPattern)
    }
}

@Suite("Weight formats")
struct WeightFormatTests {
    /// Compares a matrix with the reference decoder's numbers, with every instruction set, whole and in parts.
    static func expectEqual(_ matrix: WeightMatrix, _ expected: Tensor, _ name: String) {
        let bits = expected.values.map(\.bitPattern)
        let columns = matrix.columnCount
        #expect(expected.shape == [matrix.rowCount, columns])
        let ranges = [
            0..<matrix.rowCount, 1..<matrix.rowCount, 0..<matrix.rowCount - 1, 1..<2,
            matrix.rowCount / 2..<matrix.rowCount,
        ]
        for level in InstructionLevel.available {
            for rows in ranges {
                let part = Array(bits[(rows.lowerBound * columns)..<(rows.upperBound * columns)])
                #expect(matrix.patterns(rows: rows, level: level) == part, "\(name), rows \(rows), \(level)")
            }
        }
        #expect(matrix.tensor().values.map(\.bitPattern) == bits)
        #expect(matrix.expanded().tensor().values.map(\.bitPattern) == bits)
        let gathered = matrix.gatheringRows([1, 0, 1])
        #expect(gathered.values == expected.gatheringRows([1, 0, 1]).values)
        #expect(matrix.isFinite)
    }

    @Test(
        "GGUF blocks decode as the gguf package decodes them, bit for bit",
        arguments: [WeightFormat.q8_0, .q4_0, .q4K, .q5K, .q6K]
    )
    func blocks(format: WeightFormat) throws {
        let fixture = try WeightFixture()
        let stored = try SafetensorsFile(path: fixture.folder + "/blocks.safetensors")
        let entry = try #require(stored.entries[format.rawValue])
        let expected = try fixture.expected.tensor("blocks.\(format.rawValue)")
        let matrix = try WeightMatrix(
            stored.mapping,
            range: entry.range,
            format: format,
            rowCount: expected.shape[0],
            columnCount: expected.shape[1]
        )
        Self.expectEqual(matrix, expected, format.rawValue)
        #expect(matrix.byteCount == entry.range.count)
        for (rows, columns) in [(expected.shape[0] + 1, expected.shape[1]), (1, expected.shape[1] + 1)] {
            #expect(throws: WeightError.self) {
                try WeightMatrix(
                    stored.mapping,
                    range: entry.range,
                    format: format,
                    rowCount: rows,
                    columnCount: columns
                )
            }
        }
    }

    @Test("every E4M3 pattern decodes as torch decodes it")
    func float8Patterns() throws {
        let fixture = try WeightFixture()
        let matrix = try fixture.weights("blocks").matrix("F8_E4M3", shape: [2, 128])
        #expect(matrix.format == .float8)
        Self.expectEqual(matrix, try fixture.expected.tensor("blocks.F8_E4M3"), "F8_E4M3")
    }

    @Test("the golden blocks of the format descriptions decode to their numbers")
    func worksheets() throws {
        let folder = try TemporaryFolder()
        func decode(_ format: WeightFormat, _ bytes: [UInt8]) throws -> [Float] {
            let path = folder.file(format.rawValue)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try WeightMatrix(
                MappedFile(path: path),
                range: 0..<bytes.count,
                format: format,
                rowCount: 1,
                columnCount: format.blockLength
            ).tensor().values
        }
        let exact = (0..<32).map { Float((37 * $0) % 64 - 31) / 16 }
        let eight = try decode(
            .q8_0,
            Self.bytes("08248518ad40d467fc9124b94be073089d30c457ec7f14a93cd063f88d20b547dc6f")
        )
        // The scale is 2/127 rounded to half, the numbers whole multiples of it.
        #expect(zip(eight, exact).allSatisfy { abs($0 - $1) < 0.009 })
        let four = try decode(.q4_0, Self.bytes("00b4cf379d047be248bf269df36ad148ae15"))
        #expect(Array(four.prefix(4)) == [-1.75, 0.25, -1.25, 1.0])
        var block = (0..<144).map { UInt8((37 * $0 + 11) % 256) }
        block.replaceSubrange(0..<4, with: [0x00, 0x38, 0x00, 0x34])
        let q4K = try decode(.q4K, block)
        #expect(
            [0, 1, 31, 32, 64, 128, 160, 224, 255].map { q4K[$0] }
                == [157.75, -12.75, 80.25, 4.0, 210.25, 211.5, 262.5, 0.25, 24.25]
        )
        #expect(q4K.reduce(0, +) == 27220)
        block = (0..<210).map { UInt8((37 * $0 + 11) % 256) }
        block.replaceSubrange(208..<210, with: [0x00, 0x38])
        let q6K = try decode(.q6K, block)
        #expect(
            [0, 1, 31, 32, 64, 96, 128, 224, 255].map { q6K[$0] }
                == [-715.5, 848, -48, 115.5, -1520, -435, -175.5, 423, -30]
        )
        #expect(q6K.reduce(0, +) == 2306)
    }

    private static func bytes(_ text: String) -> [UInt8] {
        stride(from: 0, to: text.count, by: 2).compactMap {
            UInt8(text.dropFirst($0).prefix(2), radix: 16)
        }
    }

    @Test("an AWQ layer decodes as AutoAWQ decodes it")
    func awq() throws {
        let fixture = try WeightFixture()
        let weights = try fixture.weights("awq", WeightFixture.awq)
        #expect(weights.names == ["layer.bias", "layer.weight", "norm.weight"])
        #expect(weights.shape(of: "layer.weight") == [16, 72])
        #expect(weights.format(of: "layer.weight") == .awq)
        #expect(weights.format(of: "norm.weight") == .bfloat16)
        let matrix = try weights.matrix("layer.weight", shape: [16, 72])
        let expected = try fixture.expected.tensor("awq.layer")
        Self.expectEqual(matrix, expected, "AWQ")
        #expect(try weights.tensor("layer.weight", shape: [16, 72]).values == expected.values)
        #expect(matrix.byteCount == 16 * 72 / 2 + 3 * 16 / 2 + 3 * 16 * 2)
        try weights.checkAllFinite()
    }

    @Test("columns 0 to 7 of an AWQ word are its nibbles 0 4 1 5 2 6 3 7")
    func awqOrder() throws {
        let folder = try TemporaryFolder()
        let data =
            Data([0x20, 0x64, 0x31, 0x75, 0, 0, 0, 0]) + Data((0..<8).flatMap { _ in [UInt8(0), 0x3C] })
        let header =
            #"{"l.qweight":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]},"#
            + #""l.qzeros":{"dtype":"I32","shape":[1,1],"data_offsets":[4,8]},"#
            + #""l.scales":{"dtype":"F16","shape":[1,8],"data_offsets":[8,24]}}"#
        try SafetensorsTests.file(header, data: [UInt8](data))
            .write(to: URL(fileURLWithPath: folder.file("model.safetensors")))
        let weights = try WeightFolder(
            folder: folder.path,
            stem: "model",
            quantization: WeightQuantization(["quant_method": "awq", "group_size": -1], path: "config.json")
        )
        #expect(try weights.matrix("l.weight", shape: [8, 1]).tensor().values == [0, 1, 2, 3, 4, 5, 6, 7])
    }

    @Test(
        "GPTQ layers decode as AutoGPTQ decodes them, in and out of order of their groups",
        arguments: ["plain", "sorted", "shuffled"]
    )
    func gptq(name: String) throws {
        let fixture = try WeightFixture()
        let weights = try fixture.weights("gptq", WeightFixture.gptq)
        #expect(weights.names == ["plain.weight", "shuffled.weight", "sorted.weight"])
        let matrix = try weights.matrix("\(name).weight", shape: [16, 72])
        #expect(matrix.format == .gptq)
        Self.expectEqual(matrix, try fixture.expected.tensor("gptq.\(name)"), "GPTQ \(name)")
    }

    @Test("the second GPTQ format has no offset of the zeros")
    func gptqSecondFormat() throws {
        let fixture = try WeightFixture()
        var fields = WeightFixture.gptq
        fields["checkpoint_format"] = "gptq_v2"
        let matrix = try fixture.weights("gptq", fields).matrix("shuffled.weight", shape: [16, 72])
        Self.expectEqual(matrix, try fixture.expected.tensor("gptq_v2.shuffled"), "GPTQ v2")
    }

    @Test("FP8 layers decode as transformers decodes them", arguments: ["block", "narrow", "whole"])
    func float8(name: String) throws {
        let fixture = try WeightFixture()
        let weights = try fixture.weights("fp8", WeightFixture.fp8)
        #expect(weights.names == ["block.weight", "narrow.weight", "whole.weight"])
        let matrix = try weights.matrix("\(name).weight", shape: [20, 40])
        Self.expectEqual(matrix, try fixture.expected.tensor("fp8.\(name)"), "FP8 \(name)")
    }

    @Test("compressed-tensors' FP8 rows are multiplied in the type of their scales")
    func compressedTensors() throws {
        let fixture = try WeightFixture()
        let weights = try fixture.weights("compressed", WeightFixture.compressed)
        #expect(weights.names == ["row.weight"])
        let matrix = try weights.matrix("row.weight", shape: [20, 40])
        Self.expectEqual(matrix, try fixture.expected.tensor("compressed.row"), "compressed-tensors")
    }
}
