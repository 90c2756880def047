import Foundation
import Testing

@testable import PolicyTrainer

@Suite("Tokenizers of the text encoders")
struct TextTokenizerTests {
    @Test("CLIP gives the ids of transformers for every text")
    func clip() throws {
        let fixture = try PipelineFixture()
        let tokenizer = try CLIPTokenizer(folder: fixture.policyFolder + "/tokenizer")
        let table = try fixture.tokenizers()
        #expect(table.texts.count >= 500)
        for (text, expected) in zip(table.texts, table.clip) {
            #expect(tokenizer.encode(text, length: 24) == expected, "\(text.debugDescription)")
        }
    }

    @Test("T5 gives the ids of transformers for every text, with compiled normalisation rules")
    func t5() throws {
        let fixture = try PipelineFixture()
        let tokenizer = try T5Tokenizer(folder: fixture.policyFolder + "/tokenizer_2")
        let table = try fixture.tokenizers()
        for (text, expected) in zip(table.texts, table.t5) {
            #expect(tokenizer.encode(text, length: 20) == expected, "\(text.debugDescription)")
        }
    }

    @Test("the embedded tokenizers load and know every word of the world")
    func embedded() throws {
        let folder = try EmbeddedPolicy.folder()
        let clip = try CLIPTokenizer(folder: folder + "/tokenizer")
        let t5 = try T5Tokenizer(folder: folder + "/tokenizer_2")
        let words = "make the red circle blue replace green square with a yellow triangle at top left".split(
            separator: " "
        )
        let text = words.joined(separator: " ")
        #expect(clip.tokens(text).count == words.count)
        #expect(t5.tokens(text).count == words.count)
        #expect(clip.maximumLength == 16)
        #expect(t5.encode("make the red circle blue", length: 12).count == 12)
    }

    @Test("a long text is cut before the end token and a short one padded")
    func lengths() throws {
        let fixture = try PipelineFixture()
        let tokenizer = try T5Tokenizer(folder: fixture.policyFolder + "/tokenizer_2")
        #expect(tokenizer.encode("", length: 3) == [1, 0, 0])
        #expect(tokenizer.encode("make the red circle blue", length: 3).last == 1)
        #expect(tokenizer.encode("make", length: 1) == [1])
    }

    @Test("of overlapping segmentations the one with the best score wins")
    func unigram() {
        let entries: [(String, Double)] = [
            ("?", 0), ("a", -2), ("b", -2), ("ab", -3), ("abc", -9), ("c", -1),
        ]
        let model = UnigramModel(vocabulary: entries.map { (Array($0.0.utf8), $0.1) }, unknown: 0)
        #expect(model.encode(Array("abc".utf8)) == [3, 5])
        #expect(model.encode(Array("axxb".utf8)) == [1, 0, 2])
        #expect(model.encode([]).isEmpty)
    }

    @Test("a damaged or foreign tokenizer file is named")
    func refusals() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        #expect(throws: TextTokenizerError.self) { try T5Tokenizer(folder: path) }
        #expect(throws: TextTokenizerError.self) { try CLIPTokenizer(folder: path) }
        let file = folder.appending(path: "tokenizer.json")
        try Data(#"{"model": {"type": "BPE", "vocab": [["a", 1]], "unk_id": 0}}"#.utf8).write(to: file)
        #expect(
            throws: TextTokenizerError.unsupported(
                path: path + "/tokenizer.json",
                what: "a model of type BPE"
            )
        ) {
            try T5Tokenizer(folder: path)
        }
        #expect(PrecompiledCharacters([255, 255, 255, 255]) == nil)
        #expect(PrecompiledCharacters([4, 0, 0, 0, 1, 2, 3, 4, 5]) == nil)
    }
}
