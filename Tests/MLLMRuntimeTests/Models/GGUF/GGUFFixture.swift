import Foundation
import Imaging
import Shared
import TestSupport

@testable import MLLMRuntime

/// Files that scripts/fixtures/gguf_models.py made: micro models of the same weights in both containers.
enum GGUFFixture {
    static let families = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"]

    struct Manifest: Decodable {
        let text: String
        let pictures: [[Int]]
        let rows: Int
        let logits: [Float]
    }

    static func manifest() throws -> Manifest {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("gguf/manifest.json")))
        return try JSONDecoder().decode(Manifest.self, from: data)
    }

    static func name(_ family: String) -> String {
        family.replacing("_", with: "-") + "-micro"
    }

    static func text(_ family: String) -> String {
        Fixture.path("gguf/\(family)/\(name(family)).gguf")
    }

    static func projector(_ family: String) -> String {
        Fixture.path("gguf/\(family)/mmproj-\(name(family)).gguf")
    }

    static func pair(_ family: String) -> ModelFiles {
        .gguf(text: text(family), projector: projector(family))
    }

    static func folder(_ family: String) -> ModelFiles {
        .folder(Fixture.path("gguf/\(family)/folder"))
    }

    /// The picture of the manifest: sums and products of the coordinates, modulo 256.
    static func picture(_ size: [Int]) -> PixelImage {
        let pixels = (0..<size[0] * size[1] * 3).map { index in
            let (x, y, c) = (index / 3 % size[0], index / 3 / size[0], index % 3)
            return UInt8((7 * x + 13 * y + 29 * c + x * y / 16) % 256)
        }
        return PixelImage(width: size[0], height: size[1], pixels: pixels)
    }

    /// Scores of all tokens after the manifest's pictures and text.
    static func logits(_ model: LanguageVisionModel) throws -> [Float] {
        let manifest = try manifest()
        let images = try manifest.pictures.map { PromptPart.image(try model.prepare(picture($0))) }
        let group = PromptGroup(shared: [], branches: [images + [.text(manifest.text)]])
        let state = try model.answerStates(group, cache: nil) { false }.states.branches[0]
        return model.logits(state, tokens: Array(0..<manifest.rows))
    }

    /// A copy of a file with some bytes replaced by others of the same number, everywhere.
    static func changed(
        _ path: String,
        in folder: TemporaryFolder,
        _ old: [UInt8],
        _ new: [UInt8]
    ) throws -> String {
        precondition(old.count == new.count)
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var found = 0
        for start in 0...(bytes.count - old.count) where bytes[start..<start + old.count].elementsEqual(old) {
            bytes.replaceSubrange(start..<start + old.count, with: new)
            found += 1
        }
        precondition(found > 0)
        let copy = folder.file((path as NSString).lastPathComponent)
        try Data(bytes).write(to: URL(filePath: copy))
        return copy
    }
}
