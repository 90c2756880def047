import Foundation
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("GGUF pairs that do not fit")
struct GGUFDamageTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The one line of the error that two files give.
    private func complaint(text: String, projector: String) throws -> String {
        let error = #expect(throws: (any Error).self) {
            try LanguageVisionModel.load(.gguf(text: text, projector: projector))
        }
        let line = error.map { "\($0)" } ?? ""
        #expect(!line.contains("\n") && line.contains(";"))
        return line
    }

    /// The error of the Qwen2.5-VL pair with other bytes in its text file.
    private func complaint(_ old: [UInt8], _ new: [UInt8]) throws -> String {
        try complaint(
            text: try GGUFFixture.changed(GGUFFixture.text("qwen2_5_vl"), in: folder, old, new),
            projector: GGUFFixture.projector("qwen2_5_vl")
        )
    }

    private static func text(_ key: String, _ value: String) -> [UInt8] {
        Array(key.utf8) + [8, 0, 0, 0, UInt8(value.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(value.utf8)
    }

    @Test("files of two models, or in the wrong places, are named")
    func strangers() throws {
        let text = GGUFFixture.text("qwen2_5_vl")
        let projector = GGUFFixture.projector("qwen2_5_vl")
        #expect(try complaint(text: projector, projector: projector).contains("--mmproj"))
        #expect(try complaint(text: text, projector: text).contains("no vision tower"))
        let third = GGUFFixture.projector("qwen3_vl")
        #expect(try complaint(text: text, projector: third).contains("qwen3vl_merger"))
        #expect(
            try complaint(text: text, projector: GGUFFixture.projector("qwen2_vl")).contains("hidden_size")
        )
        #expect(try complaint(text: folder.file("none.gguf"), projector: projector).contains("none.gguf"))
    }

    @Test("what the metadata must say is asked for by name")
    func metadata() throws {
        let key = Self.text("tokenizer.ggml.pre", "qwen2")
        #expect(try complaint(key, Self.text("tokenizer.ggml.pre", "llama")).contains("pre-tokenizer llama"))
        let architecture = Self.text("general.architecture", "qwen2vl")
        let other = Self.text("general.architecture", "llama99")
        #expect(try complaint(architecture, other).contains("architecture llama99"))
        for name in ["embedding_length", "block_count", "rope.freq_base", "rope.dimension_sections"] {
            let renamed = "x" + name.dropFirst()
            let line = try complaint(Array("qwen2vl.\(name)".utf8), Array("qwen2vl.\(renamed)".utf8))
            #expect(line.contains("qwen2vl.\(name) is missing"))
        }
        let token = Array("<|image_pad|>".utf8)
        #expect(try complaint(token, Array("<|image_bad|>".utf8)).contains("<|image_pad|>"))
        let template = try complaint(Array("You are a helpful".utf8), Array("You are a harmful".utf8))
        #expect(template.contains("chat template"))
    }

    @Test("a tensor in a type that is not read is refused by its name and type")
    func unsupported() throws {
        // The type follows two dimensions of eight bytes each.
        let name = Array("blk.0.attn_q.weight".utf8) + [2, 0, 0, 0]
        let dimensions: [UInt8] = [32, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0]
        let line = try complaint(name + dimensions + [0, 0, 0, 0], name + dimensions + [9, 0, 0, 0])
        #expect(
            line.contains("blk.0.attn_q.weight") && line.contains("stored as Q8_1, which is not read")
                && line.contains("Q4_1, Q5_0")
        )
    }

    @Test("a tensor under an unknown name is surplus, and its place is missing")
    func renamed() throws {
        let line = try complaint(Array("blk.0.attn_q.weight".utf8), Array("blk.0.attn_z.weight".utf8))
        #expect(line.contains("missing (1)") && line.contains("surplus (1): blk.0.attn_z.weight"))
    }

    @Test("files that are cut or changed anywhere are an error or a model, never a crash")
    func hostile() throws {
        var generator = SeedTree(seed: 20_261_124).generator
        for (index, path) in [GGUFFixture.text("qwen2_vl"), GGUFFixture.projector("qwen2_vl")].enumerated() {
            let whole = [UInt8](try Data(contentsOf: URL(filePath: path)))
            let copy = folder.file("copy.gguf")
            let files = ModelFiles.gguf(
                text: index == 0 ? copy : GGUFFixture.text("qwen2_vl"),
                projector: index == 1 ? copy : GGUFFixture.projector("qwen2_vl")
            )
            for step in 0..<300 {
                var bytes = whole
                if step % 3 == 0 {
                    bytes.removeLast(1 + Int(generator.next() % UInt64(whole.count - 1)))
                } else {
                    let end = step % 3 == 1 ? min(4096, whole.count) : whole.count
                    bytes[Int(generator.next() % UInt64(end))] = UInt8(truncatingIfNeeded: generator.next())
                }
                try Data(bytes).write(to: URL(filePath: copy))
                do {
                    _ = try LanguageVisionModel.load(files)
                    #expect(bytes.count == whole.count)
                } catch {
                    #expect(!"\(error)".contains("\n"))
                }
            }
        }
    }

    @Test("the vision tower is found beside the text file")
    func beside() throws {
        func touch(_ names: String...) throws {
            for name in names {
                try Data().write(to: URL(filePath: folder.file(name)))
            }
        }
        let text = folder.file("model-Q4_K_M.gguf")
        #expect(throws: GGUFModelError.missingProjector(text: text)) { try ModelFiles.gguf(beside: text) }
        try touch("model-Q4_K_M.gguf", "mmproj-model-Q8_0.gguf", "mmproj.txt")
        func found() throws -> String {
            guard case .gguf(text, let projector) = try ModelFiles.gguf(beside: text) else { return "" }
            return (projector as NSString).lastPathComponent
        }
        #expect(try found() == "mmproj-model-Q8_0.gguf")
        try touch("mmproj-model-bf16.gguf")
        #expect(try found() == "mmproj-model-bf16.gguf")
        try touch("mmproj-model-f16.gguf")
        #expect(try found() == "mmproj-model-f16.gguf")
        try touch("mmproj-model-F32.gguf")
        #expect(try found() == "mmproj-model-F32.gguf")
        try touch("mmproj-other-F32.gguf")
        let error = #expect(throws: GGUFModelError.self) { try ModelFiles.gguf(beside: text) }
        #expect(error?.description.contains("mmproj-other-F32.gguf") == true)
        #expect(error?.description.contains("--mmproj") == true)
    }
}
