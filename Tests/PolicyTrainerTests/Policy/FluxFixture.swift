import Foundation
import Shared
import Testing

@testable import PolicyTrainer

/// One case of scripts/fixtures/flux_transformer.py.
struct FluxFixture {
    /// The cases by name.
    static let names = ["guided", "embedded"]

    let folder: String
    let transformer: FluxTransformer
    let tensors: SafetensorsFile
    let input: FluxInput
    let sizes: Sizes

    struct Sizes: Decodable {
        let target_grid: [Int]
        let reference_grid: [Int]
        let sigma: [Float]
        let guidance: [Float]?
    }

    private struct Manifest: Decodable {
        let cases: [String: Sizes]
    }

    init(_ name: String) throws {
        let root = try #require(Bundle.module.resourcePath) + "/Fixtures/flux_transformer"
        let manifest = try JSONDecoder().decode(
            Manifest.self,
            from: Data(contentsOf: URL(filePath: root + "/manifest.json"))
        )
        sizes = try #require(manifest.cases[name])
        folder = root + "/" + name
        transformer = try FluxTransformer(folder: folder + "/transformer")
        tensors = try SafetensorsFile(path: folder + "/tensors.safetensors")
        input = FluxInput(
            target: try tensors.tensor("target"),
            reference: try tensors.tensor("reference"),
            text: try tensors.tensor("text"),
            pooled: try tensors.tensor("pooled"),
            sigma: sizes.sigma,
            guidance: sizes.guidance,
            targetGrid: TokenGrid(rows: sizes.target_grid[0], columns: sizes.target_grid[1]),
            referenceGrid: TokenGrid(rows: sizes.reference_grid[0], columns: sizes.reference_grid[1])
        )
    }

    func adapter() throws -> LoRAAdapter {
        try PEFTFolder.read(folder: folder + "/adapter", for: transformer)
    }
}

/// Greatest difference of two tensors over the greatest number of the second.
func relativeDifference(_ found: Tensor, _ expected: Tensor) -> Float {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.values.map(abs).max() ?? 0
    let worst = zip(found.values, expected.values).map { abs($0 - $1) }.max() ?? 0
    return worst.isFinite ? worst / max(scale, .leastNormalMagnitude) : .infinity
}
