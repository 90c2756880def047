import Foundation
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("T5's tokenizer from spiece.model")
struct SentencePieceTests {
    @Test("without tokenizer.json, spiece.model gives the ids of transformers for every text")
    func ids() throws {
        let fixture = try PipelineFixture()
        let folder = try TemporaryFolder()
        let copies = [
            ("/TinyKontext/tokenizer_2/tokenizer_config.json", "tokenizer_config.json"),
            ("/spiece.model", "spiece.model"),
        ]
        for (source, name) in copies {
            try FileManager.default.copyItem(atPath: fixture.root + source, toPath: folder.file(name))
        }
        let tokenizer = try T5Tokenizer(folder: folder.path)
        let table = try fixture.tokenizers()
        // The table's tokenizer was made in code and counts its sentinels upwards, unlike T5's own.
        for (text, expected) in zip(table.texts, table.t5) where !text.contains("<extra_id_") {
            #expect(tokenizer.encode(text, length: 20) == expected, "\(text.debugDescription)")
        }
        #expect(tokenizer.maximumLength == 20)
    }

    @Test("T5's own 100 sentinels count downwards behind the vocabulary")
    func sentinels() throws {
        let fixture = try PipelineFixture()
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: fixture.root + "/spiece.model",
            toPath: folder.file("spiece.model")
        )
        let pieces = try SentencePieceFile(path: folder.file("spiece.model")).pieces.count
        let tokenizer = try T5Tokenizer(folder: folder.path)
        #expect(tokenizer.largestID == pieces + 99)
        #expect(tokenizer.tokens("<extra_id_0>") == [pieces + 99])
        #expect(tokenizer.tokens("<extra_id_99>") == [pieces])
        #expect(tokenizer.encode("", length: 2) == [1, 0])
    }

    @Test("a file that is cut anywhere is refused or read, never trusted beyond its end")
    func damage() throws {
        let fixture = try PipelineFixture()
        let data = try Data(contentsOf: URL(filePath: fixture.root + "/spiece.model"))
        let folder = try TemporaryFolder()
        for length in stride(from: 0, to: 400, by: 7) {
            try data.prefix(length).write(to: URL(filePath: folder.file("spiece.model")))
            do {
                _ = try SentencePieceFile(path: folder.file("spiece.model"))
            } catch {
                #expect(error is TextTokenizerError)
            }
        }
    }
}
