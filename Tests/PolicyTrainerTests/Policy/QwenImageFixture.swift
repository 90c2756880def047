import Foundation
import Shared
import Testing

@testable import PolicyTrainer

/// What scripts/fixtures/qwen_image.py wrote: a tiny Qwen-Image-Edit-2509 folder and diffusers' results with it.
struct QwenImageFixture {
    struct Manifest: Decodable {
        struct Trajectory: Decodable {
            let drop: Int
            let width: Int
            let height: Int
            let area: Int
            let conditionArea: Int
            let prompt: String
        }

        let prompts: [String]
        let grids: [[Int]]
        let lengths: [Int]
        let sigmas: [Float]
        let rank: Int
        let alpha: Float
        let targets: [String]
        let trajectory: Trajectory
        let tolerance: Float
    }

    let root: String
    let manifest: Manifest
    let tensors: SafetensorsFile

    var folder: String { root + "/TinyQwenEdit" }
    var grids: [TokenGrid] { manifest.grids.map { TokenGrid(rows: $0[0], columns: $0[1]) } }

    init() throws {
        root = try #require(Bundle.module.resourcePath) + "/Fixtures"
        let data = try Data(contentsOf: URL(filePath: root + "/qwen_image.json"))
        manifest = try JSONDecoder().decode(Manifest.self, from: data)
        tensors = try SafetensorsFile(path: root + "/qwen_image.safetensors")
    }

    func transformer() throws -> QwenImageTransformer {
        try QwenImageTransformer(folder: folder + "/transformer")
    }

    func input() throws -> QwenImageInput {
        QwenImageInput(
            target: try tensors.tensor("target"),
            references: try tensors.tensor("references"),
            text: try tensors.tensor("text"),
            textLengths: manifest.lengths,
            sigma: manifest.sigmas,
            targetGrid: grids[0],
            referenceGrids: Array(grids.dropFirst())
        )
    }

    func adapter() throws -> LoRAAdapter {
        let configuration = LoRAConfiguration(
            rank: manifest.rank,
            alpha: manifest.alpha,
            targets: manifest.targets
        )
        var pairs: [String: LoRAPair] = [:]
        for target in try transformer().loraTargets(suffixes: manifest.targets) {
            pairs[target.name] = LoRAPair(
                a: try tensors.tensor("factor." + target.name + LoRAAdapter.downSuffix),
                b: try tensors.tensor("factor." + target.name + LoRAAdapter.upSuffix)
            )
        }
        return LoRAAdapter(configuration: configuration, pairs: pairs)
    }

    /// Greatest difference over the greatest number of the expected tensor.
    func error(_ found: Tensor, _ name: String) throws -> Float {
        let expected = try tensors.tensor(name)
        try #require(found.shape == expected.shape, "\(name): \(found.shape) instead of \(expected.shape)")
        return relativeDifference(found, expected)
    }
}
