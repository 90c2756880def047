import Foundation
import Imaging
import Shared

@testable import RewardServer

/// The committed files of these tests: see Fixtures/manifest.json.
enum Fixtures {
    /// The folder.
    static let folder = Bundle.module.bundleURL.appending(path: "Fixtures")
    /// A Qwen2.5-VL folder with random weights.
    static let judge = path("judge")
    /// Three edits of `source.png` in two formats and three sizes.
    static let edits = ["edit-a.png", "edit-b.jpg", "edit-c.png"]

    static func path(_ name: String) -> String {
        folder.appending(path: name).path
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    static func uri(_ name: String) throws -> String {
        DataURI(image: try bytes(name)).text
    }

    /// A data URI of a flat image.
    static func flat(_ level: UInt8, side: Int = 8) throws -> String {
        let image = PixelImage(
            width: side,
            height: side,
            pixels: Array(repeating: level, count: side * side * 3)
        )
        return DataURI(image: try PNGEncoder.encode(image)).text
    }

    /// A group of flat images, whose first levels the stub judge reads as labels.
    static func flatGroup(_ levels: [UInt8]) throws -> EditScoresRequest {
        EditScoresRequest(
            source: SourceImage(image: try flat(128)),
            instruction: "make the hat green",
            edits: try levels.map { EditCandidate(image: try flat($0)) }
        )
    }

    /// A group of the three committed edits.
    static func group(_ names: [String] = edits) throws -> EditScoresRequest {
        EditScoresRequest(
            source: SourceImage(image: try uri("source.png")),
            instruction: "make the hat green",
            requirement: "keep the snowman",
            edits: try names.map { EditCandidate(id: $0, image: try uri($0)) }
        )
    }

    /// The committed judge, loaded.
    static func load() throws -> ServedModel {
        try ModelLoading(model: judge).load()
    }

    /// A stub with the built-in rubrics.
    static func model(_ judge: any Judge = StubJudge()) throws -> ServedModel {
        ServedModel(judge: judge, rubrics: try RubricLibrary())
    }

    /// Scores a request without HTTP.
    static func score(_ request: EditScoresRequest, _ model: ServedModel) throws -> EditScoresResponse {
        let group = try ScoreGroup(request, rubrics: model.rubrics, maximumEdits: 64)
        return try model.scorer.score(group)
    }
}
