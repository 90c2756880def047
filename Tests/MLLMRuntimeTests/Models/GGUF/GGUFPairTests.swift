import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("GGUF pairs")
struct GGUFPairTests {
    @Test("a pair of files gives the bits of the folder of the same weights", arguments: GGUFFixture.families)
    func equal(family: String) throws {
        let folder = try LanguageVisionModel.load(GGUFFixture.folder(family))
        let pair = try LanguageVisionModel.load(GGUFFixture.pair(family), checkWeights: true)
        let (expected, found) = (try GGUFFixture.logits(folder), try GGUFFixture.logits(pair))
        #expect(found == expected)
        #expect(Set(found).count > found.count / 2)
        let (left, right) = (folder.information, pair.information)
        #expect(right.family.rawValue == family)
        #expect(right.name == GGUFFixture.name(family))
        #expect(right.parameterCount == left.parameterCount)
        #expect(right.tiesEmbeddings == left.tiesEmbeddings)
        #expect(right.contextLength == left.contextLength)
        #expect(right.specialTokens == left.specialTokens)
        #expect(right.fingerprint != left.fingerprint)
        #expect(folder.tokenizer.tokenCount == pair.tokenizer.tokenCount)
        let text = "Größe <|im_end|> the image 0-5\n"
        #expect(pair.tokenizer.encode(text) == folder.tokenizer.encode(text))
        #expect(pair.processor.minimumPixels == folder.processor.minimumPixels)
        #expect(pair.processor.maximumPixels == folder.processor.maximumPixels)
        #expect(pair.processor.normalization.table == folder.processor.normalization.table)
        try ParityRecord.write(
            family: family,
            format: "GGUF " + right.weightElementType,
            check: "logits against the safetensors folder",
            difference: 0,
            limit: 0,
            reference: "this runtime"
        )
    }

    @Test("quantised weights give the logits of transformers on the unpacked weights")
    func quantized() throws {
        let text = Fixture.path("gguf/qwen2_5_vl/quantized/qwen2-5-vl-micro-q4.gguf")
        let files = ModelFiles.gguf(text: text, projector: GGUFFixture.projector("qwen2_5_vl"))
        let model = try LanguageVisionModel.load(files)
        #expect(model.information.formats["Q8_0"] ?? 0 >= 5)
        #expect(model.information.formats["Q4_0"] == 3)
        let expected = try GGUFFixture.manifest().logits
        let worst = Tolerance.largestDifference(try GGUFFixture.logits(model), expected)
        #expect(worst < Tolerance.logits)
        try ParityRecord.write(
            family: "qwen2_5_vl",
            format: "GGUF Q8_0 and Q4_0",
            check: "logits, two images",
            difference: Double(worst),
            limit: Double(Tolerance.logits),
            reference: "transformers 5.23.0 on weights unpacked by gguf 0.19.0"
        )
    }

    @Test("a decoder alone gives the bits of the decoder with its tower", arguments: GGUFFixture.families)
    func textModel(family: String) throws {
        let whole = try LanguageVisionModel.load(GGUFFixture.pair(family))
        let text = try TextModel(gguf: GGUFFixture.text(family))
        let tokens = text.tokenizer.encode("Rate the edit from 0 to 5.")
        let found = try text.nextTokens(after: tokens, count: 300)
        #expect(found == (try whole.nextTokens(after: tokens, count: 300)))
        #expect(found.count == 290)
        #expect(abs(found.reduce(0) { $0 + exp($1.logProbability) } - 1) < 1e-6)
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.logProbability >= $1.logProbability })
        #expect(throws: ModelError.unknownToken(id: 290, vocabulary: 290)) {
            try text.nextTokens(after: [1, 290], count: 1)
        }
        #expect(throws: ModelError.emptyPrompt) { try text.nextTokens(after: [], count: 1) }
        #expect(throws: ModelError.promptTooLong(tokens: 2049, limit: 2048)) {
            try text.nextTokens(after: [Int](repeating: 1, count: 2049), count: 1)
        }
    }

    @Test("queries, keys and values become one matrix, as stored when they lie back to back")
    func stacked() throws {
        let path = GGUFFixture.projector("qwen2_vl")
        let text = try GGUFTextFile(path: GGUFFixture.text("qwen2_vl"))
        let name = "model.visual.blocks.0.attn.qkv.weight"
        let whole = try GGUFWeights(text, GGUFProjectorFile(path: path))
        #expect(whole.shape(of: name) == [24, 8])
        let matrix = try whole.matrix(name, shape: [24, 8])
        #expect(matrix.format == .float16)
        #expect(matrix.tensor().values == (try whole.tensor(name, shape: [24, 8]).values))
        #expect(throws: WeightError.shape(name: name, expected: [8, 24], found: [24, 8])) {
            try whole.matrix(name, shape: [8, 24])
        }
        // With the names of queries and keys exchanged, the file no longer has them in order.
        let folder = try TemporaryFolder()
        var copy = path
        for (old, new) in [("q", "x"), ("k", "q"), ("x", "k")] {
            let names = [old, new].map { Array(".attn_\($0).".utf8) }
            copy = try GGUFFixture.changed(copy, in: folder, names[0], names[1])
        }
        let other = try GGUFWeights(text, GGUFProjectorFile(path: copy))
        let mixed = try other.matrix(name, shape: [24, 8])
        #expect(mixed.format == .float32)
        let rows = matrix.tensor()
        let order = Array(8..<16) + Array(0..<8) + Array(16..<24)
        #expect(mixed.tensor().values == rows.gatheringRows(order).values)
    }

    @Test("both time slices become one weight")
    func slices() throws {
        let weights = try GGUFWeights(
            GGUFTextFile(path: GGUFFixture.text("qwen2_5_vl")),
            GGUFProjectorFile(path: GGUFFixture.projector("qwen2_5_vl"))
        )
        let name = "model.visual.patch_embed.proj.weight"
        let found = try weights.tensor(name, shape: [8, 3, 2, 4, 4])
        let folder = try WeightFolder(folder: Fixture.path("gguf/qwen2_5_vl/folder"), stem: "model")
        let own = try #require(folder.names.first { $0.hasSuffix("patch_embed.proj.weight") })
        #expect(found.values == (try folder.tensor(own, shape: [8, 3, 2, 4, 4]).values))
        #expect(try weights.matrix(name, shape: [8, 3, 2, 4, 4]).tensor().shape == [8, 96])
    }
}
