import Foundation
import TestSupport
import Testing

@testable import Shared

@Suite("Weight folders")
struct WeightFolderTests {
    /// One tensor of a file that a test writes itself.
    struct Stored {
        let name: String
        let type: String
        let shape: [Int]
        var bytes: [UInt8]?
    }

    /// Writes a safetensors file; tensors without bytes are zeros.
    static func write(_ tensors: [Stored], to path: String) throws {
        let sizes = ["F16": 2, "BF16": 2, "F32": 4, "I32": 4, "I64": 8]
        var header: [String: Any] = [:]
        var data: [UInt8] = []
        for tensor in tensors {
            let count = tensor.shape.reduce(1, *) * (sizes[tensor.type] ?? 1)
            let start = data.count
            data += tensor.bytes ?? [UInt8](repeating: 0, count: count)
            header[tensor.name] = [
                "dtype": tensor.type, "shape": tensor.shape, "data_offsets": [start, data.count],
            ]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        try SafetensorsTests.file(String(decoding: json, as: UTF8.self), data: data)
            .write(to: URL(fileURLWithPath: path))
    }

    static func message(
        _ tensors: [Stored],
        _ quantization: [String: Any]?,
        _ name: String = "l.weight",
        shape: [Int] = [16, 32]
    ) throws -> String {
        let folder = try TemporaryFolder()
        try write(tensors, to: folder.file("model.safetensors"))
        let error = #expect(throws: WeightError.self) {
            let quantization = try quantization.map { try WeightQuantization($0, path: "config.json") }
            let weights = try WeightFolder(folder: folder.path, stem: "model", quantization: quantization)
            _ = try weights.matrix(name, shape: shape)
        }
        let text = error?.description ?? ""
        #expect(!text.contains("\n"))
        return text
    }

    /// An AWQ layer of 16 outputs and 32 inputs in groups of 8, with one tensor replaced or, without a type, left out.
    static func awq(_ suffix: String, _ type: String = "", _ shape: [Int] = [], bytes: [UInt8]? = nil)
        -> [Stored]
    {
        var parts = ["qweight": ("I32", [32, 2]), "qzeros": ("I32", [4, 2]), "scales": ("F16", [4, 16])]
        parts[suffix] = type.isEmpty ? nil : (type, shape)
        return parts.sorted { $0.key < $1.key }.map {
            Stored(
                name: "l.\($0.key)",
                type: $0.value.0,
                shape: $0.value.1,
                bytes: $0.key == suffix ? bytes : nil
            )
        }
    }

    static var fields: [String: Any] { ["quant_method": "awq", "bits": 4, "group_size": 8] }

    @Test("parts of an AWQ layer that are missing or do not fit are named")
    func hostileAWQ() throws {
        #expect(try Self.message(Self.awq("qzeros"), Self.fields).contains("l.qzeros"))
        #expect(try Self.message(Self.awq("scales"), Self.fields).contains("l.scales"))
        #expect(try Self.message(Self.awq("qzeros", "I32", [4, 3]), Self.fields).contains("l.qzeros"))
        #expect(
            try Self.message(Self.awq("qzeros", "F32", [4, 2]), Self.fields).contains(
                "l.qzeros is stored as F32"
            )
        )
        #expect(try Self.message(Self.awq("scales", "F16", [5, 16]), Self.fields).contains("l.scales"))
        #expect(try Self.message(Self.awq("scales", "I32", [4, 16]), Self.fields).contains("l.scales"))
        #expect(try Self.message(Self.awq("qweight", "I64", [32, 2]), Self.fields).contains("l.qweight"))
        #expect(try Self.message(Self.awq("qweight", "I32", [64]), Self.fields).contains("not a matrix"))
        #expect(
            try Self.message(Self.awq("qweight", "I32", [30, 2]), Self.fields, shape: [16, 30]).contains(
                "groups of 8"
            )
        )
        #expect(try Self.message(Self.awq("none"), Self.fields, shape: [16, 33]).contains("[16, 33]"))
        #expect(try Self.message(Self.awq("none"), nil).contains("without a quantization_config"))
        #expect(try Self.message(Self.awq("none"), ["quant_method": "fp8"]).contains("l.qweight"))
        let both = Self.awq("none") + [Stored(name: "l.weight", type: "F16", shape: [16, 32])]
        #expect(try Self.message(both, Self.fields).contains("both"))
    }

    /// A GPTQ layer of 16 outputs and 32 inputs in groups of 8.
    static func gptq(groups: Stored) -> [Stored] {
        [
            Stored(name: "l.qweight", type: "I32", shape: [4, 16]),
            Stored(name: "l.qzeros", type: "I32", shape: [4, 2]),
            Stored(name: "l.scales", type: "F16", shape: [4, 16]), groups,
        ]
    }

    @Test("group indices of a GPTQ layer must be numbers of groups, one for each input")
    func hostileGPTQ() throws {
        let fields: [String: Any] = ["quant_method": "gptq", "bits": 4, "group_size": 8]
        func message(_ type: String, _ shape: [Int], _ bytes: [UInt8]? = nil) throws -> String {
            try Self.message(
                Self.gptq(groups: Stored(name: "l.g_idx", type: type, shape: shape, bytes: bytes)),
                fields
            )
        }
        #expect(try message("I32", [31]).contains("l.g_idx"))
        #expect(try message("I64", [32]).contains("l.g_idx"))
        for value: [UInt8] in [[4, 0, 0, 0], [255, 255, 255, 255]] {
            let bytes = [UInt8](repeating: 0, count: 124) + value
            #expect(try message("I32", [32], bytes).contains("l.g_idx names a group beyond 4"))
        }
    }

    @Test("FP8 scales must fit their matrix, and must be explained")
    func hostileFP8() throws {
        let numbers = Stored(name: "l.weight", type: "F8_E4M3", shape: [16, 32])
        let fp8: [String: Any] = ["quant_method": "fp8", "weight_block_size": [8, 8]]
        func scale(_ shape: [Int], _ type: String = "F32") -> Stored {
            Stored(name: "l.weight_scale_inv", type: type, shape: shape)
        }
        #expect(try Self.message([numbers, scale([2, 5])], fp8).contains("[2, 4]"))
        #expect(try Self.message([numbers, scale([4, 2])], fp8).contains("[2, 4]"))
        #expect(try Self.message([numbers, scale([2, 4], "I32")], fp8).contains("I32"))
        #expect(try Self.message([numbers], fp8).contains("l.weight_scale"))
        #expect(try Self.message([numbers, scale([1])], nil).contains("without a quantization_config"))
        let other = Stored(name: "l.weight", type: "F8_E5M2", shape: [16, 32])
        #expect(try Self.message([other], nil).contains("F8_E5M2"))
    }

    @Test(
        "what a quantization_config asks for in vain is named",
        arguments: [
            (#"{"quant_method":"bitsandbytes","load_in_4bit":true}"#, "bitsandbytes"),
            (#"{"bits":4}"#, "(none)"), (#"{"quant_method":"awq","bits":8}"#, "8 bits"),
            (#"{"quant_method":"awq","version":"GEMV"}"#, "gemv"),
            (#"{"quant_method":"awq","backend":"llm-awq"}"#, "llm-awq"),
            (#"{"quant_method":"awq","zero_point":false}"#, "zero points"),
            (#"{"quant_method":"awq","group_size":0}"#, "group_size 0"),
            (#"{"quant_method":"gptq","bits":8}"#, "8 bits"),
            (#"{"quant_method":"gptq","bits":3}"#, "3 bits"),
            (#"{"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"}"#, "marlin"),
            (#"{"quant_method":"gptq","bits":4,"is_marlin_format":true}"#, "marlin"),
            (#"{"quant_method":"gptq","bits":4,"pack_dtype":"int16"}"#, "int16"),
            (#"{"quant_method":"gptq","bits":4,"dynamic":{"+:.*down.*":{"bits":8}}}"#, "+:.*down.*"),
            (#"{"quant_method":"fp8","fmt":"e5m2"}"#, "e5m2"),
            (#"{"quant_method":"fp8","scale_fmt":"ue8m0"}"#, "ue8m0"),
            (#"{"quant_method":"fp8","weight_block_size":[0,128]}"#, "[0, 128]"),
            (#"{"quant_method":"compressed-tensors"}"#, "config_groups"),
            (
                #"{"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"a":{}}}"#,
                "pack-quantized"
            ),
            (
                #"{"quant_method":"compressed-tensors","format":"float-quantized","config_groups":{"a":{"weights":{"num_bits":8,"type":"int"}}}}"#,
                "8 bits, int"
            ),
            (#"{"quant_method":"exl2"}"#, "exl2"), (#"{"quant_method":"modelopt"}"#, "modelopt"),
        ]
    )
    func refusedConfigurations(json: String, part: String) throws {
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let error = #expect(throws: WeightError.self) {
            try WeightQuantization(fields, path: "x/config.json")
        }
        let text = error?.description ?? ""
        #expect(text.contains("x/config.json") && text.contains(part) && !text.contains("\n"), "\(text)")
    }

    @Test("published configurations are understood")
    func configurations() throws {
        func method(_ json: String) throws -> WeightQuantization.Method {
            let fields = try #require(
                try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
            )
            return try WeightQuantization(fields, path: "config.json").method
        }
        let awq =
            #"{"bits":4,"group_size":128,"modules_to_not_convert":["visual"],"quant_method":"awq","version":"gemm","zero_point":true}"#
        #expect(try method(awq) == .awq(groupSize: 128))
        let gptq =
            #"{"bits":4,"damp_percent":0.1,"desc_act":false,"group_size":128,"quant_method":"gptq","sym":true}"#
        #expect(
            try method(gptq)
                == .gptq(
                    groupSize: 128,
                    zeroOffset: 1,
                    claims: .init(isSymmetric: true, isReordered: false)
                )
        )
        #expect(
            try method(
                #"{"quant_method":"gptq","bits":4,"group_size":-1,"format":"gptq_v2","dynamic":{"-:lm_head":{}}}"#
            )
                == .gptq(groupSize: nil, zeroOffset: 0)
        )
        let fp8 =
            #"{"activation_scheme":"dynamic","fmt":"e4m3","quant_method":"fp8","weight_block_size":[128,128]}"#
        #expect(
            try method(fp8) == .float8(tile: ScaleTile(rows: 128, columns: 128), roundsToScaleType: false)
        )
    }

    @Test(
        "a folder with pickles only is refused with the reason and the command that converts it",
        arguments: [
            ("pytorch_model.bin", "model"), ("pytorch_model-00001-of-00002.bin", "model"),
            ("model.pt", "model"),
            ("adapter_model.bin", "adapter_model"), ("consolidated.00.pth", "model"),
        ]
    )
    func pickles(file: String, stem: String) throws {
        let folder = try TemporaryFolder()
        for name in [file, "training_args.bin", "optimizer.pt"] {
            try Data([0x80, 0x04]).write(to: URL(fileURLWithPath: folder.file(name)))
        }
        let path = folder.file(file)
        let error = #expect(throws: WeightError.pickle(path: path, stem: stem)) {
            try WeightFolder(folder: folder.path, stem: stem)
        }
        let text = error?.description ?? ""
        #expect(
            text.contains(path) && text.contains("'\(stem).safetensors'")
                && text.contains("weights_only=True")
        )
        #expect(!text.contains("\n"))
        // A safetensors file beside them is read, and a trainer's state alone is no checkpoint.
        try SafetensorsWriter.write(["w": Tensor([1])], to: folder.file("\(stem).safetensors"))
        #expect(try WeightFolder(folder: folder.path, stem: stem).names == ["w"])
        let state = try TemporaryFolder()
        try Data([0x80]).write(to: URL(fileURLWithPath: state.file("optimizer.pt")))
        let missing = #expect(throws: WeightError.self) { try WeightFolder(folder: state.path, stem: stem) }
        if case .unreadable = missing {} else { Issue.record("\(String(describing: missing))") }
    }

    /// A folder with a tensor of each kind, all finite but for the one given; the AWQ layer's scales are `scales`.
    static func mixedFolder(_ bad: Stored? = nil, scales: [UInt8], in folder: TemporaryFolder) throws
        -> WeightFolder
    {
        var tensors = [
            Stored(name: "a.weight", type: "F32", shape: [3, 5]),
            Stored(name: "b.bias", type: "BF16", shape: [7]),
            Stored(name: "c.weight", type: "F8_E4M3", shape: [4, 4]),
        ]
        tensors += Self.awq("scales", "F16", [4, 16], bytes: scales)
        tensors.removeAll { $0.name == bad?.name }
        if let bad {
            tensors.append(bad)
        }
        try Self.write(tensors, to: folder.file("model.safetensors"))
        let quantization = try WeightQuantization(Self.fields, path: "config.json")
        return try WeightFolder(folder: folder.path, stem: "model", quantization: quantization)
    }

    @Test("checking all weights finds the tensor that is not finite, in any format")
    func checkAllFinite() throws {
        let folder = try TemporaryFolder()
        let ones: [UInt8] = (0..<64).flatMap { _ -> [UInt8] in [0x00, 0x3C] }
        try Self.mixedFolder(scales: ones, in: folder).checkAllFinite()
        let zeros = [UInt8](repeating: 0, count: 64)
        let cases = [
            Stored(
                name: "a.weight",
                type: "F32",
                shape: [3, 5],
                bytes: Array(zeros.prefix(58)) + [0x80, 0x7F]
            ),
            Stored(name: "b.bias", type: "BF16", shape: [7], bytes: [0x80, 0xFF] + Array(zeros.prefix(12))),
            Stored(
                name: "c.weight",
                type: "F8_E4M3",
                shape: [4, 4],
                bytes: Array(zeros.prefix(15)) + [0xFF]
            ),
        ]
        for bad in cases {
            let weights = try Self.mixedFolder(bad, scales: ones, in: folder)
            #expect(throws: WeightError.nonFinite(name: bad.name)) { try weights.checkAllFinite() }
        }
        let infinite = Array(ones.dropLast(2)) + [0x00, 0x7C]
        let weights = try Self.mixedFolder(scales: infinite, in: folder)
        #expect(throws: WeightError.nonFinite(name: "l.weight")) { try weights.checkAllFinite() }
    }

    @Test("a matrix of 16-bit numbers is the tensor's rows, whatever its shape and place in the file")
    func sixteenBitMatrices() throws {
        let folder = try TemporaryFolder()
        let numbers = (0..<60).map { Float($0) - 20.5 }
        for (type, elementType) in [(WeightFormat.bfloat16, ElementType.bfloat16), (.float16, .float16)] {
            try SafetensorsWriter.write(
                ["a": Tensor([1]), "w": Tensor(numbers, shape: [4, 3, 5])],
                to: folder.file("model.safetensors"),
                elementType: elementType
            )
            let weights = try WeightFolder(folder: folder.path, stem: "model")
            let matrix = try weights.matrix("w", shape: [4, 3, 5])
            #expect(matrix.format == type && matrix.rowCount == 4 && matrix.columnCount == 15)
            #expect(matrix.byteCount == 120)
            #expect(matrix.tensor().values == numbers)
            #expect(try weights.tensor("w", shape: [4, 3, 5]).values == numbers)
        }
    }
}
