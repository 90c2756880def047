import Foundation
import Shared
import TestSupport
import Testing

@Suite("Safetensors")
struct SafetensorsTests {
    static func file(_ header: String, data: [UInt8] = []) -> Data {
        var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
        bytes.append(contentsOf: Array(header.utf8))
        bytes.append(contentsOf: data)
        return bytes
    }

    @Test("what was written is read back", arguments: ElementType.allCases)
    func roundTrip(elementType: ElementType) throws {
        let folder = try TemporaryFolder()
        let values: [Float] = [0, -1, 0.5, 1.5, -65504, 0x1p-14, 3]
        let path = folder.file("a.safetensors")
        try SafetensorsWriter.write(
            ["w": Tensor(values, shape: [7, 1]), "b": Tensor([2, 4])],
            to: path,
            elementType: elementType
        )
        let file = try SafetensorsFile(path: path)
        #expect(try file.tensor("b").values == [2, 4])
        #expect(try file.tensor("w").shape == [7, 1])
        let expected = values.map { elementType == .bfloat16 ? BFloat16.value(BFloat16.bits($0)) : $0 }
        #expect(try file.tensor("w").values == expected)
        #expect(file.metadata == ["format": "pt"])
    }

    @Test("every half-precision pattern converts as Swift's own type does")
    func halves() throws {
        let folder = try TemporaryFolder()
        let patterns = (0...UInt16.max).map { $0 }
        let bytes = patterns.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let header = #"{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#
        try Self.file(header, data: bytes).write(to: URL(fileURLWithPath: folder.file("h.safetensors")))
        let values = try SafetensorsFile(path: folder.file("h.safetensors")).tensor("h").values
        for (pattern, value) in zip(patterns, values) {
            let expected = Float(Float16(bitPattern: pattern))
            #expect(value == expected || (value.isNaN && expected.isNaN), "pattern \(pattern)")
        }
    }

    @Test(
        "a damaged header is an error that names the file",
        arguments: [
            "{", "[]", #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
            #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,800]}}"#,
            #"{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
            #"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#,
            #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
            #"{"w":{"dtype":"I32","shape":[3],"data_offsets":[0,8]}}"#,
            #"{"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,8]}}"#,
            #"{"w":{"dtype":"U8","shape":[2,2],"data_offsets":[0,8]}}"#,
            #"{"w":{"dtype":"Q4_K","shape":[8],"data_offsets":[0,8]}}"#,
            #"{"w":{"dtype":"F64","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,8]}}"#,
            #"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"z":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[8,8]}}"#,
            #"{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,9223372036854775807]}}"#,
            #"{"w":{"dtype":"F64","shape":1,"data_offsets":[0,8]}}"#, #"{"w":[]}"#, #"{}"#,
            #"{"__metadata__":{"a":1},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        ]
    )
    func damaged(header: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("bad.safetensors")
        try Self.file(header, data: [UInt8](repeating: 0, count: 8)).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: WeightError.self) { try SafetensorsFile(path: path) }
        #expect(error?.description.contains("bad.safetensors") == true)
    }

    @Test("a header whose length field lies is an error that says so")
    func lengthField() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("bad.safetensors")
        let sound = Self.file(#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: [7])
        for length: UInt64 in [0, 1, UInt64(sound.count - 7), 100_000_001, .max, 1 << 63] {
            var bytes = withUnsafeBytes(of: length.littleEndian) { Data($0) }
            bytes.append(sound.dropFirst(8))
            try bytes.write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: WeightError.self) { try SafetensorsFile(path: path) }
            #expect(error?.description.contains("claims \(length) bytes") == true)
        }
        try sound.write(to: URL(fileURLWithPath: path))
        #expect(try SafetensorsFile(path: path).entries["w"]?.range.count == 1)
    }

    @Test("a file cut at any byte is an error or the whole truth")
    func truncated() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("whole.safetensors")
        try SafetensorsWriter.write(["w": Tensor([1, 2, 3])], to: path)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for length in 0..<whole.count {
            let cut = folder.file("cut.safetensors")
            try whole.prefix(length).write(to: URL(fileURLWithPath: cut))
            #expect(throws: WeightError.self) { try SafetensorsFile(path: cut) }
        }
    }

    @Test("a checkpoint folder names what is missing, misshapen, or not finite")
    func folderErrors() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(
            ["w": Tensor([1, 2]), "n": Tensor([.nan])],
            to: folder.file("model.safetensors")
        )
        let weights = try WeightFolder(folder: folder.path, stem: "model")
        #expect(weights.names == ["n", "w"])
        #expect(throws: WeightError.missing(name: "v", path: folder.path)) {
            try weights.tensor("v", shape: [2])
        }
        #expect(throws: WeightError.shape(name: "w", expected: [3], found: [2])) {
            try weights.tensor("w", shape: [3])
        }
        #expect(throws: WeightError.nonFinite(name: "n")) { try weights.tensor("n", shape: [1]) }
    }

    @Test("shards are found through their index, and an index that lies is refused")
    func shards() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(["a": Tensor([1])], to: folder.file("model-00001-of-00002.safetensors"))
        try SafetensorsWriter.write(["b": Tensor([2])], to: folder.file("model-00002-of-00002.safetensors"))
        func index(_ map: String) throws {
            try Data(#"{"weight_map":\#(map)}"#.utf8)
                .write(to: URL(fileURLWithPath: folder.file("model.safetensors.index.json")))
        }
        try index(#"{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}"#)
        let weights = try WeightFolder(folder: folder.path, stem: "model")
        #expect(try weights.tensor("b", shape: [1]).values == [2])
        try index(#"{"a":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}"#)
        #expect(throws: WeightError.self) { try WeightFolder(folder: folder.path, stem: "model") }
        try index(#"{"a":"../model-00001-of-00002.safetensors"}"#)
        #expect(throws: WeightError.self) { try WeightFolder(folder: folder.path, stem: "model") }
    }
}
