import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

/// A prompt that transformers ran step by step with a tiny model, and the comparison with ours.
///
/// Files of steps may hold every so many rows of each step only; of the logits the last row is always there.
struct ParityCase {
    let family: ModelFamily
    let model: LanguageVisionModel
    let steps: SafetensorsFile
    let images: [PreparedImage]
    let text: String
    let patchRowStep: Int
    let rowStep: Int
    let logitsRowStep: Int

    init(
        _ family: ModelFamily,
        folder: String,
        steps: String,
        pictures: [String],
        text: String,
        patchRowStep: Int,
        rowStep: Int = 1,
        logitsRowStep: Int = 1
    ) throws {
        let model = try Fixture.model(family.rawValue + "/" + folder)
        self.family = family
        self.model = model
        self.steps = try SafetensorsFile(path: Fixture.path("\(family.rawValue)/\(steps).safetensors"))
        images = try pictures.map { try model.prepare(try Fixture.picture($0)) }
        self.text = text
        self.patchRowStep = patchRowStep
        self.rowStep = rowStep
        self.logitsRowStep = logitsRowStep
    }

    /// The manifest of the families whose scripts write one layout.
    private struct Manifest: Decodable {
        struct Prompt: Decodable {
            let images: [String]
            let text: String
        }

        let patchRowStep: Int
        let rowStep: Int
        let logitsRowStep: Int
        let prompts: [String: Prompt]
    }

    init(_ family: ModelFamily, kind: String) throws {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("\(family.rawValue)/manifest.json")))
        let manifest = try JSONDecoder().decode(Manifest.self, from: data)
        let prompt = try #require(manifest.prompts[kind])
        try self.init(
            family,
            folder: kind,
            steps: kind + "-steps",
            pictures: prompt.images,
            text: prompt.text,
            patchRowStep: manifest.patchRowStep,
            rowStep: manifest.rowStep,
            logitsRowStep: manifest.logitsRowStep
        )
    }

    /// Compares every step of the tower.
    func compareTower() throws {
        let grids = try steps.integers("grids")
        #expect(images.flatMap { [1, $0.patches.gridHeight, $0.patches.gridWidth] } == grids)
        var worst: Float = 0
        _ = try model.tower.features(of: images.map(\.patches)) {
            false
        } observe: { step, found in
            switch step {
            case .patches: _ = compare(found, "patches", rowStep: patchRowStep, tolerance: 0)
            case .patchEmbedding: worst = max(worst, compare(found, "patch_embedding"))
            case .positions: worst = max(worst, compare(found, "positions_added"))
            case .block(let index): worst = max(worst, compare(found, "block.\(index)"))
            case .deepstack(let level): worst = max(worst, compare(found, "deepstack.\(level)"))
            case .merger: worst = max(worst, compare(found, "merger"))
            }
        }
        try record("vision tower", worst)
    }

    /// Compares tokens, positions and every step of the decoder.
    func compareDecoder() throws {
        let prompt = model.builder.prompt(images.map { .image($0) } + [.text(text)])
        #expect(prompt.tokens == (try steps.integers("tokens")))
        let positions = prompt.positions
        #expect(
            positions.map(\.time) + positions.map(\.row) + positions.map(\.column)
                == (try steps.integers("positions"))
        )
        let found = try model.tower.features(of: images.map(\.patches))
        let features = Dictionary(uniqueKeysWithValues: zip(images.map(\.contentHash), found))
        let embedded = model.embed([(prompt, 0..<prompt.tokens.count)], features)
        _ = compare(embedded.rows, "embeddings")
        var worst: Float = 0
        let hidden = try model.decoder.run(
            embedded.rows,
            positions: positions,
            deepstack: embedded.deepstack,
            branches: [.init(0..<prompt.tokens.count)],
            purpose: .allRows
        ) {
            false
        } observe: { step, found in
            switch step {
            case .layer(let index): worst = max(worst, compare(found, "layer.\(index)"))
            case .finalNorm: worst = max(worst, compare(found, "final_norm"))
            }
        }.hidden
        try record("decoder layers", worst)
        let logits = GEMM.linear(try #require(hidden), weight: model.decoder.head)
        let last = logits.rowCount - 1
        let rows = Array(stride(from: 0, to: last, by: logitsRowStep)) + [last]
        try record("logits", compare(logits.gatheringRows(rows), "logits", rowStep: 1))
    }

    /// Compares what a caller gets who gives pictures and text.
    func compareWholeWay() throws {
        let group = PromptGroup(
            shared: [.image(images[0])],
            branches: [images.dropFirst().map { .image($0) } + [.text(text)]]
        )
        let state = try #require(
            try model.answerStates(group, cache: nil, isCancelled: { false }).states.branches.first
        )
        let logits = try steps.tensor("logits")
        let last = logits.rows(logits.rowCount - 1..<logits.rowCount).values
        let tokens = Array(0..<model.information.vocabularySize)
        let difference = Tolerance.largestDifference(model.logits(state, tokens: tokens), last)
        #expect(difference <= Tolerance.logits)
        let sum = last.reduce(0.0) { $0 + exp(Double($1)) }
        #expect(abs(model.logSumExp(state) - Float(log(sum))) <= Tolerance.logits)
        #expect(state.promptTokens == (try steps.integers("tokens")).count)
        #expect(state.imageTokens == images.reduce(0) { $0 + $1.tokenCount })
        try record("image files to logits", difference)
    }

    private func compare(
        _ found: Tensor,
        _ name: String,
        rowStep: Int? = nil,
        tolerance: Float = Tolerance.logits
    ) -> Float {
        let every = rowStep ?? self.rowStep
        let kept = found.gatheringRows(Array(stride(from: 0, to: found.rowCount, by: every)))
        guard let expected = try? steps.tensor(name), expected.count == kept.count else {
            Issue.record("step \(name) has shape \(kept.shape), the fixture another or none")
            return .infinity
        }
        let difference = Tolerance.largestDifference(kept.values, expected.values)
        #expect(difference <= tolerance, "step \(name) parts from the reference")
        return difference
    }

    private func record(_ check: String, _ worst: Float) throws {
        try ParityRecord.write(
            family: family.rawValue,
            format: model.information.weightElementType,
            check: check,
            difference: Double(worst),
            limit: Double(Tolerance.logits),
            cases: 1,
            reference: "transformers 5.23.0"
        )
    }
}
