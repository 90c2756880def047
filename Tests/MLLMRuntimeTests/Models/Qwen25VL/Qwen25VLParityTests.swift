import Foundation
import Testing

@testable import MLLMRuntime

@Suite("Qwen2.5-VL against transformers")
struct Qwen25VLParityTests {
    private struct Manifest: Decodable {
        let text: String
        let longText: String
        let patchRowStep: Int
        let rowStep: Int
        let logitsRowStep: Int
        let prompts: [String: [String]]
        let three: [String]
    }

    /// Two images and a short text for each model, every row; three images and a long text, some rows.
    private func parityCase(_ name: String) throws -> ParityCase {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("qwen2_5_vl/manifest.json")))
        let manifest = try JSONDecoder().decode(Manifest.self, from: data)
        if name == "three" {
            return try ParityCase(
                .qwen25VL,
                folder: "tied",
                steps: "three-steps",
                pictures: manifest.three,
                text: manifest.longText,
                patchRowStep: 64,
                rowStep: manifest.rowStep,
                logitsRowStep: manifest.logitsRowStep
            )
        }
        return try ParityCase(
            .qwen25VL,
            folder: name,
            steps: name + "-steps",
            pictures: try #require(manifest.prompts[name]),
            text: manifest.text,
            patchRowStep: manifest.patchRowStep
        )
    }

    @Test("every step of the tower equals the reference", arguments: ["tied", "untied", "three"])
    func tower(name: String) throws {
        try parityCase(name).compareTower()
    }

    @Test(
        "tokens, positions and every step of the decoder equal the reference",
        arguments: ["tied", "untied", "three"]
    )
    func decoder(name: String) throws {
        try parityCase(name).compareDecoder()
    }

    @Test(
        "the whole way from image files to scores equals the reference",
        arguments: ["tied", "untied", "three"]
    )
    func wholeWay(name: String) throws {
        try parityCase(name).compareWholeWay()
    }
}
