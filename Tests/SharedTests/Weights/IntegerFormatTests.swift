import Foundation
import TestSupport
import Testing

@testable import Shared

/// Golden numbers of `scripts/fixtures/integer_formats.py`.
@Suite("Whole numbers and GGUF types of few bits")
struct IntegerFormatTests {
    private let folder: String
    private let expected: SafetensorsFile

    init() throws {
        folder = try #require(Bundle.module.resourcePath) + "/Fixtures/integer_formats"
        expected = try SafetensorsFile(path: folder + "/expected.safetensors")
    }

    @Test(
        "GGUF types of few bits decode as the gguf package decodes them, bit for bit",
        arguments: [WeightFormat.q4_1, .q5_0, .q5_1, .q2K, .q3K, .iq4NL, .iq4XS]
    )
    func blocks(format: WeightFormat) throws {
        let stored = try SafetensorsFile(path: folder + "/blocks.safetensors")
        let entry = try #require(stored.entries[format.rawValue])
        let numbers = try expected.tensor("blocks.\(format.rawValue)")
        let matrix = try WeightMatrix(
            stored.mapping,
            range: entry.range,
            format: format,
            rowCount: numbers.shape[0],
            columnCount: numbers.shape[1]
        )
        WeightFormatTests.expectEqual(matrix, numbers, format.rawValue)
    }

    /// A configuration of one group for each scheme.
    private static func fields(_ schemes: [(bits: Int, size: Int?, symmetric: Bool)]) -> [String: Any] {
        var groups: [String: Any] = [:]
        for (index, scheme) in schemes.enumerated() {
            groups["group_\(index)"] = [
                "weights": [
                    "num_bits": scheme.bits, "type": "int", "symmetric": scheme.symmetric,
                    "strategy": scheme.size == nil ? "channel" : "group",
                    "group_size": scheme.size ?? NSNull(),
                ] as [String: Any]
            ]
        }
        return ["quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups]
    }

    private static let all: [(bits: Int, size: Int?, symmetric: Bool)] = [
        (4, 16, true), (4, 16, false), (4, nil, false), (8, 24, true), (8, 24, false), (8, nil, true),
        (8, nil, false),
    ]

    private func layers(_ schemes: [(bits: Int, size: Int?, symmetric: Bool)]) throws -> WeightFolder {
        let quantization = try WeightQuantization(Self.fields(schemes), path: "config.json")
        return try WeightFolder(folder: folder, stem: "layers", quantization: quantization)
    }

    @Test(
        "packed and plain whole numbers decode as compressed-tensors decodes them, bit for bit",
        arguments: [
            ("four", WeightFormat.packed4), ("four-zeros", .packed4), ("four-rows", .packed4),
            ("four-shuffled", .packed4), ("eight", .packed8), ("eight-zeros", .packed8), ("bytes", .packed8),
            ("bytes-zeros", .packed8),
        ]
    )
    func layer(name: String, format: WeightFormat) throws {
        let weights = try layers(Self.all)
        #expect(weights.names.count == 8 && weights.shape(of: "\(name).weight") == [12, 48])
        #expect(weights.format(of: "\(name).weight") == format)
        let matrix = try weights.matrix("\(name).weight", shape: [12, 48])
        WeightFormatTests.expectEqual(matrix, try expected.tensor("layers.\(name)"), name)
        try weights.checkAllFinite()
    }

    @Test("a configuration without a layer's bits, groups or zeros is contradicted by the tensors")
    func contradictions() throws {
        func message(_ name: String, _ schemes: [(bits: Int, size: Int?, symmetric: Bool)]) throws -> String {
            let weights = try layers(schemes)
            return #expect(throws: WeightError.self) {
                try weights.matrix(name + ".weight", shape: [12, 48])
            }?
            .description ?? ""
        }
        #expect(try message("four", [(8, 16, true)]).contains("4 bits in groups of 16"))
        #expect(try message("four", [(4, 24, true)]).contains("4 bits in groups of 16"))
        #expect(try message("four", [(4, 16, false)]).contains("four.weight_zero_point is missing"))
        #expect(try message("four-zeros", [(4, 16, true)]).contains("says symmetric"))
        #expect(try message("bytes-zeros", [(8, nil, true)]).contains("says symmetric"))
        #expect(throws: WeightError.self) { try WeightFolder(folder: folder, stem: "layers") }
    }

    @Test("a split GGUF file opens from each of its parts")
    func split() throws {
        for part in 1...2 {
            let file = try GGUFFile(path: folder + "/split-0000\(part)-of-00002.gguf")
            #expect(file.names == ["t0", "t1"] && file.metadata.text("general.name") == "split")
            for (name, value) in [("t0", Float(1)), ("t1", 11)] {
                #expect(try file.tensor(name, shape: [2, 4]).values == [Float](repeating: value, count: 8))
            }
        }
    }

    @Test("a missing part, a part of another model and a part of another name are named")
    func brokenSplit() throws {
        func opened(_ files: [(String, String)], from name: String) throws -> String {
            let copy = try TemporaryFolder()
            for (from, to) in files {
                try FileManager.default.copyItem(atPath: "\(folder)/\(from)", toPath: copy.file(to))
            }
            return #expect(throws: WeightError.self) { try GGUFFile(path: copy.file(name)) }?.description
                ?? ""
        }
        let (first, second) = ("split-00001-of-00002.gguf", "split-00002-of-00002.gguf")
        #expect(try opened([(first, first)], from: first).contains("\(second) is missing"))
        #expect(try opened([(second, second)], from: second).contains("\(first) is missing"))
        #expect(
            try opened([(first, first), ("other-00001-of-00002.gguf", second)], from: first)
                .contains("belongs to another model")
        )
        #expect(try opened([(first, "a.gguf")], from: "a.gguf").contains("name does not end in"))
    }

    @Test("symmetric GPTQ zeros must be what sym and the format's name say, and inputs where desc_act says")
    func gptqContradictions() throws {
        func message(zeros: UInt8, _ more: [String: Any], groups: [UInt8]? = nil) throws -> String? {
            let folder = try TemporaryFolder()
            var tensors = [
                WeightFolderTests.Stored(name: "l.qweight", type: "I32", shape: [2, 8]),
                .init(
                    name: "l.qzeros",
                    type: "I32",
                    shape: [2, 1],
                    bytes: [UInt8](repeating: zeros, count: 8)
                ), .init(name: "l.scales", type: "F16", shape: [2, 8]),
            ]
            if let groups {
                let bytes = groups.flatMap { [$0, 0, 0, 0] as [UInt8] }
                tensors.append(.init(name: "l.g_idx", type: "I32", shape: [16], bytes: bytes))
            }
            try WeightFolderTests.write(tensors, to: folder.file("model.safetensors"))
            let fields = ["quant_method": "gptq", "bits": 4, "group_size": 8].merging(more) { $1 }
            let weights = try WeightFolder(
                folder: folder.path,
                stem: "model",
                quantization: WeightQuantization(fields, path: "config.json")
            )
            do {
                _ = try weights.matrix("l.weight", shape: [8, 16])
                return nil
            } catch {
                return "\(error)"
            }
        }
        let (first, second) = (["checkpoint_format": "gptq"], ["checkpoint_format": "gptq_v2"])
        #expect(try message(zeros: 0x77, first) == nil)
        #expect(try message(zeros: 0x88, second) == nil)
        #expect(try message(zeros: 0x88, first)?.contains("set checkpoint_format to \"gptq_v2\"") == true)
        #expect(try message(zeros: 0x77, second)?.contains("set checkpoint_format to \"gptq\"") == true)
        #expect(try message(zeros: 0x35, ["sym": true])?.contains("sym is true") == true)
        #expect(try message(zeros: 0x35, ["sym": false]) == nil)
        #expect(try message(zeros: 0x77, ["sym": true]) == nil)
        let (ordered, shuffled) = (
            [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 1, count: 8), (0..<16).map { UInt8($0 % 2) }
        )
        #expect(try message(zeros: 0x77, ["desc_act": false], groups: ordered) == nil)
        #expect(try message(zeros: 0x77, ["desc_act": true], groups: shuffled) == nil)
        #expect(try message(zeros: 0x77, [:], groups: shuffled) == nil)
        #expect(
            try message(zeros: 0x77, ["desc_act": false], groups: shuffled)?.contains("desc_act is false")
                == true
        )
        #expect(throws: WeightError.self) {
            try message(zeros: 0x77, ["format": "gptq", "checkpoint_format": "gptq_v2"])
        }
    }

    @Test("shards without an index load when all are there, else the index is named")
    func shards() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(["a": Tensor([1])], to: folder.file("model-00001-of-00002.safetensors"))
        let error = #expect(throws: WeightError.self) { try WeightFolder(folder: folder.path, stem: "model") }
        #expect(error?.description.contains("model.safetensors.index.json is missing") == true)
        try SafetensorsWriter.write(["b": Tensor([2])], to: folder.file("model-00002-of-00002.safetensors"))
        #expect(try WeightFolder(folder: folder.path, stem: "model").names == ["a", "b"])
        #expect(throws: WeightError.self) { try WeightFolder(folder: folder.path, stem: "other") }
    }

    @Test("a pointer of Git LFS and the state of bitsandbytes are called by their names")
    func foreign() throws {
        let folder = try TemporaryFolder()
        let text = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 124840\n"
        for name in ["model.safetensors", "model.gguf"] {
            let path = folder.file(name)
            try Data(text.utf8).write(to: URL(filePath: path))
            #expect(throws: WeightError.pointer(path: path)) { try MappedFile(path: path) }
        }
        for name in ["l.weight.quant_state.bitsandbytes__nf4", "l.SCB"] {
            let bits = try TemporaryFolder()
            try SafetensorsWriter.write([name: Tensor([1])], to: bits.file("model.safetensors"))
            let error = #expect(throws: WeightError.self) {
                try WeightFolder(folder: bits.path, stem: "model")
            }
            #expect(error?.description.contains("bitsandbytes") == true)
        }
    }

    @Test("Python's constants are read as texts of their names, and only outside texts")
    func constants() throws {
        let text = #"{"a": [0.0, Infinity, -Infinity], "b": NaN, "c": "x \" NaN Infinity", "d": -1}"#
        let object = try #require(JSONText.object(Data(text.utf8)))
        #expect(object["b"] as? String == "NaN" && object["d"] as? Int == -1)
        #expect(object["c"] as? String == "x \" NaN Infinity")
        #expect((object["a"] as? [Any])?[2] as? String == "-Infinity")
        for damaged in ["{\"a\": Infinit}", "[1]", "{\"a\": nan}", "{\"a\": NaN"] {
            #expect(JSONText.object(Data(damaged.utf8)) == nil, "\(damaged)")
        }
    }
}
