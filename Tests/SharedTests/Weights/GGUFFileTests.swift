import Foundation
import Shared
import TestSupport
import Testing

@Suite("GGUF")
struct GGUFFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func file(_ data: Data) throws -> GGUFFile {
        let path = folder.file("some.gguf")
        try data.write(to: URL(filePath: path))
        return try GGUFFile(path: path)
    }

    /// The one line of the error that a file gives.
    private func complaint(_ data: Data) throws -> String {
        let error = #expect(throws: WeightError.self) { try file(data) }
        let line = error?.description ?? ""
        #expect(line.contains("some.gguf") && !line.contains("\n"))
        return line
    }

    @Test("versions 2 and 3 are read", arguments: [UInt32(2), 3])
    func versions(version: UInt32) throws {
        let file = try file(GGUFBytes.small(version: version))
        #expect(file.metadata.text("general.architecture") == "qwen2vl")
        #expect(file.metadata.texts("list") == ["one", "two"])
        #expect(file.names == ["matrix", "row"])
        #expect(file.shape(of: "matrix") == [2, 3])
        #expect(file.format(of: "matrix") == .float32)
        #expect(try file.tensor("matrix", shape: [2, 3]).values == [1, 2, 3, 4, 5, 6])
        #expect(try file.matrix("matrix", shape: [2, 3]).gatheringRows([1]).values == [4, 5, 6])
        #expect(try file.tensor("row", shape: [2]).values == [7, 8])
        #expect(throws: WeightError.missing(name: "other", path: file.path)) {
            try file.tensor("other", shape: [2])
        }
        #expect(throws: WeightError.shape(name: "matrix", expected: [3, 2], found: [2, 3])) {
            try file.matrix("matrix", shape: [3, 2])
        }
    }

    @Test("values and tensors are those that the gguf package wrote")
    func written() throws {
        let base = Bundle.module.bundleURL.appending(path: "Fixtures/gguf")
        let file = try GGUFFile(path: base.appending(path: "values.gguf").path)
        let data = try Data(contentsOf: base.appending(path: "manifest.json"))
        let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let values = file.metadata
        #expect(values.integer("general.alignment") == 64)
        for (key, expected) in try #require(manifest["integers"] as? [String: Int]) {
            #expect(values.integer(key) == expected, "\(key)")
        }
        #expect(values.number("u64.huge") == 0x1p64)
        #expect(values.number("f32") == Double(Float(0.1)))
        #expect(values.number("f64") == 0.1)
        #expect(values.number("i8") == -128)
        #expect(values.flag("yes") == true)
        #expect(values.flag("no") == false)
        #expect(values.text("text") == manifest["text"] as? String)
        #expect(values.integers("list.i32") == [-1, 0, 1])
        #expect(values.numbers("list.f32") == [0.5, -2])
        #expect(values.flags("list.bool") == [true, false, true])
        #expect(values.texts("list.text") == ["a", "", "Ġé"])
        #expect(values.values["list.list"] == .lists([.integers([1, 2]), .integers([3])]))
        #expect(values.integer("text") == nil)
        for case let tensor as [String: Any] in try #require(manifest["tensors"] as? [Any]) {
            let name = try #require(tensor["name"] as? String)
            let shape = try #require(tensor["shape"] as? [Int])
            #expect(file.entries[name]?.type.name == tensor["type"] as? String)
            #expect(file.shape(of: name) == shape)
            if let bits = tensor["bits"] as? [Int] {
                let found = try file.tensor(name, shape: shape)
                #expect(found.values.map { Int($0.bitPattern) } == bits, "\(name)")
            } else {
                // Numbers of types that were read later have fixtures of their own.
                let type = try #require(tensor["type"] as? String)
                if ["Q4_1", "Q5_1"].contains(type) {
                    #expect(file.format(of: name)?.rawValue == type)
                    continue
                }
                #expect(file.format(of: name) == nil)
                let error = #expect(throws: WeightError.elementType(name: name, found: type)) {
                    try file.matrix(name, shape: shape)
                }
                #expect(error?.description.contains(type) == true)
            }
        }
    }

    @Test("a file cut at any byte is an error")
    func truncated() throws {
        let whole = GGUFBytes.small()
        for length in 1..<whole.count {
            _ = try complaint(whole.prefix(length))
        }
    }

    @Test("a file with random bytes in its header is an error or a sound file, never a crash")
    func flipped() throws {
        let base = Bundle.module.bundleURL.appending(path: "Fixtures/gguf/values.gguf")
        var generator = SeedTree(seed: 20_261_124).generator
        for whole in [GGUFBytes.small(), try Data(contentsOf: base)] {
            for _ in 0..<1000 {
                var bytes = [UInt8](whole)
                for _ in 0...(generator.next() % 3) {
                    let index = Int(generator.next() % UInt64(bytes.count))
                    bytes[index] = UInt8(truncatingIfNeeded: generator.next())
                }
                do {
                    let file = try file(Data(bytes))
                    for (name, entry) in file.entries {
                        #expect(entry.range.upperBound <= bytes.count)
                        _ = try? file.tensor(name, shape: entry.shape)
                    }
                } catch let error as WeightError {
                    #expect(!error.description.contains("\n"))
                }
            }
        }
    }

    @Test("files of another kind are refused by name")
    func foreign() throws {
        #expect(try complaint(Data("{\"a\":1}        ".utf8)).contains("does not begin with GGUF"))
        #expect(try complaint(GGUFBytes.small(version: 1)).contains("version 1"))
        #expect(try complaint(GGUFBytes.small(version: 4)).contains("version 4"))
        #expect(try complaint(GGUFBytes.small(version: UInt32(3).byteSwapped)).contains("big-endian"))
    }

    @Test("absurd counts and lengths do not allocate")
    func absurd() throws {
        #expect(try complaint(GGUFBytes(tensors: .max, pairs: 0).data).contains("tensors"))
        #expect(try complaint(GGUFBytes(tensors: 0, pairs: .max).data).contains("metadata values"))
        var long = GGUFBytes(tensors: 0, pairs: 1)
        long.append(UInt64.max)
        long.append(UInt64(0))
        #expect(try complaint(long.data).contains("bytes of a metadata key"))
        var list = GGUFBytes(tensors: 0, pairs: 1)
        list.pair("list", type: 9) { bytes in
            bytes.append(UInt32(8))
            bytes.append(UInt64(1) << 61)
        }
        #expect(try complaint(list.data).contains("elements of list"))
        var deep = GGUFBytes(tensors: 0, pairs: 1)
        deep.pair("deep", type: 9) { bytes in
            for _ in 0..<1000 {
                bytes.append(UInt32(9))
                bytes.append(UInt64(1))
            }
        }
        #expect(try complaint(deep.data).contains("too deep"))
    }

    @Test("damaged metadata is an error that names the key")
    func metadata() throws {
        var unknown = GGUFBytes(tensors: 0, pairs: 1)
        unknown.pair("odd", type: 13) { $0.append(UInt64(0)) }
        #expect(try complaint(unknown.data).contains("odd has a value of the unknown type 13"))
        var flag = GGUFBytes(tensors: 0, pairs: 1)
        flag.pair("flag", type: 7) { $0.append(UInt8(2)) }
        #expect(try complaint(flag.data).contains("flag"))
        var twice = GGUFBytes(tensors: 0, pairs: 2)
        twice.text("key", "a")
        twice.text("key", "b")
        #expect(try complaint(twice.data).contains("two values of key"))
        for alignment in [UInt32(0), 24, .max] {
            var bytes = GGUFBytes(tensors: 0, pairs: 1)
            bytes.pair("general.alignment", type: 4) { $0.append(alignment) }
            #expect(try complaint(bytes.data).contains("general.alignment"))
        }
    }

    @Test(
        "a tensor that cannot be is an error that names it",
        arguments: [
            ([], 0, 0, "0 dimensions"), ([1, 1, 1, 1, 1], 0, 0, "5 dimensions"), ([0], 0, 0, "absurd"),
            ([.max], 0, 0, "absurd"), ([1 << 62, 4], 0, 0, "absurd"), ([1 << 62], 0, 0, "after the end"),
            ([4], 99, 0, "ggml type 99"), ([4], 4, 0, "ggml type 4"), ([48, 2], 8, 0, "blocks of 32"),
            ([4], 0, 8, "no multiple of 16"), ([4], 0, 1 << 63, "after the end"),
            ([4], 0, 64, "after the end"),
            ([9], 0, 0, "after the end"), ([5], 0, 0, "overlap"),
        ] as [([UInt64], UInt32, UInt64, String)]
    )
    func tensors(dimensions: [UInt64], type: UInt32, offset: UInt64, words: String) throws {
        var bytes = GGUFBytes(tensors: 2, pairs: 1)
        bytes.pair("general.alignment", type: 4) { $0.append(UInt32(16)) }
        bytes.tensor("bad", dimensions: dimensions, type: type, offset: offset)
        bytes.tensor("good", dimensions: [4], type: 0, offset: 16)
        bytes.numbers([Float](repeating: 0, count: 8), alignment: 16)
        let line = try complaint(bytes.data)
        #expect(line.contains("bad") && line.contains(words))
    }

    @Test("two tensors of one name are an error")
    func duplicates() throws {
        var bytes = GGUFBytes(tensors: 2, pairs: 0)
        bytes.tensor("same", dimensions: [1], type: 0, offset: 0)
        bytes.tensor("same", dimensions: [1], type: 0, offset: 32)
        bytes.numbers([Float](repeating: 0, count: 16))
        #expect(try complaint(bytes.data).contains("two tensors same"))
    }

    @Test("a tensor with a NaN is refused when it is read")
    func nonFinite() throws {
        var bytes = GGUFBytes(tensors: 1, pairs: 0)
        bytes.tensor("sick", dimensions: [2], type: 0, offset: 0)
        bytes.numbers([1, .nan])
        let file = try file(bytes.data)
        #expect(throws: WeightError.nonFinite(name: "sick")) { try file.tensor("sick", shape: [2]) }
    }
}
