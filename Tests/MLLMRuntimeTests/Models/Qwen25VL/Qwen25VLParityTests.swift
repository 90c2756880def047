import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Qwen2.5-VL against transformers")
struct Qwen25VLParityTests {
    private struct Manifest: Decodable {
        let text: String
        let patchRowStep: Int
        let prompts: [String: [String]]
    }

    private let manifest: Manifest

    init() throws {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("qwen2_5_vl/manifest.json")))
        manifest = try JSONDecoder().decode(Manifest.self, from: data)
    }

    private func images(_ kind: String, _ model: LanguageVisionModel) throws -> [PreparedImage] {
        try #require(manifest.prompts[kind]).map { try model.prepare(try Fixture.picture($0)) }
    }

    @Test("every step of the tower equals the reference", arguments: ["tied", "untied"])
    func tower(kind: String) throws {
        let model = try Fixture.model(kind)
        let steps = try SafetensorsFile(path: Fixture.path("qwen2_5_vl/\(kind)-steps.safetensors"))
        let images = try images(kind, model)
        let grids = try steps.integers("grids")
        #expect(images.flatMap { [1, $0.patches.gridHeight, $0.patches.gridWidth] } == grids)
        _ = try model.tower.features(of: images.map(\.patches)) {
            false
        } observe: { step, found in
            switch step {
            case .patches:
                let rows = stride(from: 0, to: found.rowCount, by: manifest.patchRowStep)
                compare(found.gatheringRows(Array(rows)), steps, "patches", tolerance: 0)
            case .patchEmbedding: compare(found, steps, "patch_embedding")
            case .block(let index): compare(found, steps, "block.\(index)")
            case .merger: compare(found, steps, "merger")
            }
        }
    }

    @Test(
        "tokens, positions and every step of the decoder equal the reference",
        arguments: ["tied", "untied"]
    )
    func decoder(kind: String) throws {
        let model = try Fixture.model(kind)
        let steps = try SafetensorsFile(path: Fixture.path("qwen2_5_vl/\(kind)-steps.safetensors"))
        let images = try images(kind, model)
        let prompt = model.builder.prompt(images.map { .image($0) } + [.text(manifest.text)])
        #expect(prompt.tokens == (try steps.integers("tokens")))
        let positions = prompt.positions
        #expect(
            positions.map(\.time) + positions.map(\.row) + positions.map(\.column)
                == (try steps.integers("positions"))
        )

        let tensors = try model.tower.features(of: images.map(\.patches))
        let features = Dictionary(uniqueKeysWithValues: zip(images.map(\.contentHash), tensors))
        let embedded = model.embed([(prompt, 0..<prompt.tokens.count)], features)
        compare(embedded, steps, "embeddings")
        let hidden = try model.decoder.run(
            embedded,
            positions: positions,
            branches: [0..<prompt.tokens.count],
            trunk: nil,
            purpose: .allRows
        ) {
            false
        } observe: { step, found in
            switch step {
            case .layer(let index): compare(found, steps, "layer.\(index)")
            case .finalNorm: compare(found, steps, "final_norm")
            }
        }.hidden
        compare(GEMM.linear(try #require(hidden), weight: model.decoder.head), steps, "logits")
    }

    @Test("the whole way from image files to scores equals the reference", arguments: ["tied", "untied"])
    func wholeWay(kind: String) throws {
        let model = try Fixture.model(kind)
        let steps = try SafetensorsFile(path: Fixture.path("qwen2_5_vl/\(kind)-steps.safetensors"))
        let images = try images(kind, model)
        let group = PromptGroup(
            shared: [.image(images[0])],
            branches: [[.image(images[1]), .text(manifest.text)]]
        )
        let state = try #require(
            try model.answerStates(group, cache: nil, isCancelled: { false }).branches.first
        )
        let logits = try steps.tensor("logits")
        let last = logits.rows(logits.rowCount - 1..<logits.rowCount).values
        let tokens = Array(0..<model.information.vocabularySize)
        #expect(Tolerance.largestDifference(model.logits(state, tokens: tokens), last) <= Tolerance.logits)
        let sum = last.reduce(0.0) { $0 + exp(Double($1)) }
        #expect(abs(model.logSumExp(state) - Float(log(sum))) <= Tolerance.logits)
        #expect(state.promptTokens == logits.rowCount)
        #expect(state.imageTokens == images[0].tokenCount + images[1].tokenCount)
    }

    private func compare(
        _ found: Tensor,
        _ steps: SafetensorsFile,
        _ name: String,
        tolerance: Float = Tolerance.logits
    ) {
        guard let expected = try? steps.tensor(name), expected.count == found.count else {
            Issue.record("step \(name) has shape \(found.shape), the fixture another or none")
            return
        }
        let difference = Tolerance.largestDifference(found.values, expected.values)
        #expect(difference <= tolerance, "step \(name) parts from the reference")
    }
}
