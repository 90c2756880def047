import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// What `scripts/fixtures/flux_pipeline.py` wrote: a tiny policy folder and diffusers' results with it.
struct PipelineFixture {
    struct Manifest: Decodable {
        struct Trajectory: Decodable {
            let prompt: String
            let length: Int
            let width: Int
            let height: Int
            let guidance: Float
        }

        let prompts: [String]
        let lengths: [Int]
        let trajectory: Trajectory
        let tolerance: Float
    }

    struct Tokenizers: Decodable {
        let texts: [String]
        let clip: [[Int]]
        let t5: [[Int]]
    }

    let root: String
    let manifest: Manifest
    let tensors: SafetensorsFile

    var policyFolder: String { root + "/TinyKontext" }
    var picture: String { root + "/flux_reference.png" }

    init() throws {
        root = Bundle.module.bundleURL.appending(path: "Fixtures").path(percentEncoded: false)
        let data = try Data(contentsOf: URL(filePath: root + "/flux_pipeline.json"))
        manifest = try JSONDecoder().decode(Manifest.self, from: data)
        tensors = try SafetensorsFile(path: root + "/flux_pipeline.safetensors")
    }

    func tokenizers() throws -> Tokenizers {
        let data = try Data(contentsOf: URL(filePath: root + "/flux_tokenizers.json"))
        return try JSONDecoder().decode(Tokenizers.self, from: data)
    }

    /// Largest difference over the largest magnitude of the expected tensor.
    func error(_ found: Tensor, _ name: String) throws -> Float {
        let expected = try tensors.tensor(name)
        try #require(found.shape == expected.shape, "\(name): \(found.shape) instead of \(expected.shape)")
        return Tolerance.relativeDifference(found.values, expected.values)
    }
}
