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

    /// A tiny model: `tied` or `untied`.
    static func model(_ kind: String) throws -> LanguageVisionModel {
        try LanguageVisionModel.load(folder: path("qwen2_5_vl/" + kind))
    }

    /// One of the fixture pictures.
    static func picture(_ name: String) throws -> PixelImage {
        try ImageDecoder.decode(contentsOf: path("qwen2_5_vl/" + name))
    }

    /// A copy of a model folder that a test may spoil.
    static func copy(of kind: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let source = path("qwen2_5_vl/" + kind)
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

    /// Folder with the published tokenizer of Qwen2.5-VL, when this machine has one.
    static let publishedTokenizer: String? = {
        let named = ProcessInfo.processInfo.environment["EDIT_R1_QWEN_TOKENIZER"]
        return [named, "/work/shared/data/qwen2_5_vl"].compactMap { $0 }.first {
            FileManager.default.fileExists(atPath: $0 + "/vocab.json")
                || FileManager.default.fileExists(atPath: $0 + "/tokenizer.json")
        }
    }()
}
