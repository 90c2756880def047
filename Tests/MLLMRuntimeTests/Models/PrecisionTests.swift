import Foundation
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

/// What bfloat16 and int8 cost of the logits; float32 equals transformers by the parity suites.
///
/// Tolerances are relative to the largest logit, about 9 in the tiny models: measured 0.3 to 0.9 % in bfloat16, 1.6 to
/// 4.3 % in int8, where rows of 32 numbers average little of the rounding out. That is the format's own cost, not ours:
/// transformers 5.23.0 in float32 with nothing but the factors of linear layers rounded to bfloat16 is off by 0.57 %
/// (`untied`) and 0.87 % (`tied`) of the largest logit of Qwen2.5-VL, 0.05 and 0.08 in logits; wholly in bfloat16 it is
/// off by 4.6 and 1.2 %.
@Suite("Models in bfloat16 and int8")
struct PrecisionTests {
    private static let choices: [PrecisionChoice] = [
        Precision.bfloat16.obstacle == nil ? .bf16 : nil, Precision.int8.obstacle == nil ? .int8 : nil,
    ].compactMap { $0 }

    private func logits(_ model: LanguageVisionModel, together: Bool) throws -> [[Float]] {
        let images = try [(61, 90), (120, 100), (77, 77)].enumerated().map { index, size in
            try model.prepare(Fixture.noise(size.0, size.1, seed: UInt64(index)))
        }
        let branches = images.dropFirst().map { [PromptPart.image($0), .text("Rate it 0-5: ")] }
        let groups = together ? [Array(branches)] : branches.map { [$0] }
        let tokens = Array(0..<model.information.vocabularySize)
        return try groups.flatMap { branches in
            let group = PromptGroup(shared: [.image(images[0])], branches: branches)
            return try model.answerStates(group, cache: nil, isCancelled: { false }).states.branches.map {
                model.logits($0, tokens: tokens)
            }
        }
    }

    @Test(
        "logits stay near those of float32, and have the same bits alone and in a group",
        .enabled(if: !choices.isEmpty, "needs oneDNN"),
        arguments: Fixture.models,
        choices
    )
    func logits(kind: String, choice: PrecisionChoice) throws {
        let files = ModelFiles.folder(Fixture.modelPath(kind))
        let plain = try LanguageVisionModel.load(files, precision: .f32)
        let narrow = try LanguageVisionModel.load(files, precision: choice)
        let found = try logits(narrow, together: true)
        #expect(try logits(narrow, together: false) == found)
        let expected = try logits(plain, together: true)
        let difference = Tolerance.relativeDifference(found.flatMap { $0 }, expected.flatMap { $0 })
        let limit: Float = choice == .int8 ? 0.06 : 0.015
        #expect(difference > 0 && difference <= limit)
        try ParityRecord.write(
            family: plain.information.family.rawValue,
            format: choice.rawValue,
            check: "logits of \(kind) against float32, relative",
            difference: Double(difference),
            limit: Double(limit),
            cases: found.count,
            reference: "own float32"
        )
    }

    @Test(
        "packed weights that are kept give the second start the same bits, and progress ends at 1",
        .enabled(if: !choices.isEmpty, "needs oneDNN"),
        arguments: Fixture.models,
        choices
    )
    func packedFolder(kind: String, choice: PrecisionChoice) throws {
        let folder = try TemporaryFolder()
        let files = ModelFiles.folder(Fixture.modelPath(kind))
        let expected = try logits(try LanguageVisionModel.load(files, precision: choice), together: true)
        for _ in 0..<2 {
            let shares = Lock<[Double]>([])
            let model = try LanguageVisionModel.load(
                files,
                precision: choice,
                packedFolder: folder.path
            ) { share in
                shares.withLock { $0.append(share) }
            }
            #expect(try logits(model, together: true) == expected)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
            let seen = shares.withLock { $0 }
            #expect(seen == seen.sorted() && seen.last == 1)
        }
        // Float32 arithmetic has nothing to keep.
        _ = try LanguageVisionModel.load(files, precision: .f32, packedFolder: folder.path + "/none")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/none"))
    }

    @Test("the arithmetic is part of the model's identity, float32 is the model's own")
    func identity() throws {
        let files = ModelFiles.folder(Fixture.modelPath("tied"))
        let own = try LanguageVisionModel.inspect(files, precision: .f32)
        #expect(own.fingerprint == (try files.source().fingerprint()))
        // A small model is float32 unless it is asked for something else.
        let automatic = try LanguageVisionModel.inspect(files)
        #expect(automatic.fingerprint == own.fingerprint && automatic.precision == .float32)
        for choice in Self.choices {
            let other = try LanguageVisionModel.inspect(files, precision: choice)
            #expect(other.fingerprint != own.fingerprint)
            #expect(other.precision.linear.rawValue == choice.rawValue)
            #expect(other.groupMemory.weightByteCount < own.groupMemory.weightByteCount)
        }
    }
}
