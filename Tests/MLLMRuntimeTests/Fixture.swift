import Foundation
import Imaging
import Shared
import TestSupport

@testable import MLLMRuntime

/// Files that scripts/fixtures/{tokenizer,qwen2_5_vl}.py made.
enum Fixture {
    /// Path of a file or folder below Fixtures.
    static func path(_ name: String) -> String {
        Bundle.module.bundleURL.appendingPathComponent("Fixtures/" + name).path
    }

    /// Folders of tiny models, two for each family.
    static let models = ModelFamily.allCases.flatMap { [$0.rawValue + "/tied", $0.rawValue + "/untied"] }

    /// A tiny model: `tied` or `untied` of Qwen2.5-VL, or a folder of ``models``.
    static func model(_ kind: String) throws -> LanguageVisionModel {
        try LanguageVisionModel.load(folder: modelPath(kind))
    }

    /// Path of the folder of a tiny model.
    static func modelPath(_ kind: String) -> String {
        path(kind.contains("/") ? kind : "qwen2_5_vl/" + kind)
    }

    /// One of the fixture pictures.
    static func picture(_ name: String) throws -> PixelImage {
        try ImageDecoder.decode(contentsOf: path("qwen2_5_vl/" + name))
    }

    /// A copy of a model folder that a test may spoil.
    static func copy(of kind: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let source = modelPath(kind)
        for name in try FileManager.default.contentsOfDirectory(atPath: source) {
            try FileManager.default.copyItem(atPath: source + "/" + name, toPath: folder.file(name))
        }
        return folder
    }

    /// Changes a JSON file.
    static func edit(_ path: String, _ change: (inout [String: Any]) -> Void) throws {
        let data = try Data(contentsOf: URL(filePath: path))
        var object = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        change(&object)
        try JSONSerialization.data(withJSONObject: object).write(to: URL(filePath: path))
    }

    /// A picture of seeded noise over a ramp.
    static func noise(_ width: Int, _ height: Int, seed: UInt64) -> PixelImage {
        var generator = SeedTree(seed: seed).generator
        let pixels = (0..<width * height * 3).map { index in
            UInt8(truncatingIfNeeded: (index / 3 % width * 255 / width + Int(generator.next() % 64)) % 256)
        }
        return PixelImage(width: width, height: height, pixels: pixels)
    }

    /// Folder with the published tokenizer of Qwen2.5-VL, which `EDIT_R1_TOKENIZER` names.
    static let publishedTokenizer = ProcessInfo.processInfo.environment["EDIT_R1_TOKENIZER"]

    /// The same folder when it also holds the strings of scripts/parity/prepare_tokenizer.sh.
    static let preparedTokenizer = publishedTokenizer.flatMap {
        FileManager.default.fileExists(atPath: $0 + "/expected.bin") ? $0 : nil
    }
}
