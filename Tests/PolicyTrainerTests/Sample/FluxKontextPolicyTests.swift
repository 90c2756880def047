import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("FLUX-Kontext policy")
struct FluxKontextPolicyTests {
    private let grid = TokenGrid(rows: 3, columns: 4)

    private func request(_ fixture: PipelineFixture, _ policy: FluxKontextPolicy) throws -> SampleRequest {
        let trajectory = fixture.manifest.trajectory
        return SampleRequest(
            conditioning: try policy.conditioning(
                trajectory.prompt,
                pictures: [try ImageDecoder.decode(contentsOf: fixture.picture)],
                target: try policy.grid(width: trajectory.width, height: trajectory.height),
                guided: true,
                maximumLength: trajectory.length
            ),
            noise: try fixture.tensors.tensor("trajectory.noise")
        )
    }

    @Test("the reference latents of a resized picture equal diffusers'")
    func reference() throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        let latents = try request(fixture, policy).conditioning.references[0].tokens
        #expect(try fixture.error(latents, "trajectory.reference") < fixture.manifest.tolerance)
    }

    @Test(
        "a whole trajectory equals diffusers'",
        arguments: [
            ("flow.4", SolverKind.flow, 4, Float(2.5)), ("flow.6", .flow, 6, 2.5), ("dpm2.6", .dpm2, 6, 2.5),
            ("guidance", .flow, 4, 4.0),
        ]
    )
    func trajectory(name: String, solver: SolverKind, steps: Int, guidance: Float) throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        let final = try policy.sample(
            [try request(fixture, policy)],
            grid: TokenGrid(rows: 3, columns: 4),
            steps: steps,
            solver: solver,
            guidance: guidance
        )[0]
        #expect(try fixture.error(final, "trajectory.\(name)") < fixture.manifest.tolerance)
    }

    @Test("the decoded picture equals diffusers' within one level")
    func picture() throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        let image = policy.decode([try fixture.tensors.tensor("trajectory.flow.4")], grid: grid)[0]
        let expected = try fixture.tensors.tensor("trajectory.image")
        #expect(image.height == expected.shape[0] && image.width == expected.shape[1])
        #expect(zip(image.pixels, expected.values).allSatisfy { abs(Float($0) - $1) <= 1 })
    }

    @Test("a candidate of a batch is the candidate alone up to 1e-5, and the same batch gives the same bits")
    func batch() throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        let base = try request(fixture, policy)
        let requests = (0..<5).map { index in
            SampleRequest(
                conditioning: base.conditioning,
                noise: policy.noise(grid: grid, seeds: SeedTree(seed: 1)["candidate", index])
            )
        }
        let together = try policy.sample(requests, grid: grid, steps: 2, solver: .flow)
        for (request, expected) in zip(requests, together) {
            let alone = try policy.sample([request], grid: grid, steps: 2, solver: .flow)[0]
            #expect(Tolerance.relativeDifference(alone.values, expected.values) < 1e-5)
        }
        let again = try policy.sample(requests, grid: grid, steps: 2, solver: .flow)
        #expect(again.map(\.values) == together.map(\.values))
    }

    @Test("sizes, steps, lengths and latents that make no sense are refused")
    func refusals() throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        #expect(try policy.grid(width: 32, height: 24) == TokenGrid(rows: 3, columns: 4))
        #expect(throws: PolicyError.size(width: 33, height: 24, multiple: 8)) {
            try policy.grid(width: 33, height: 24)
        }
        #expect(throws: PolicyError.size(width: 0, height: 24, multiple: 8)) {
            try policy.grid(width: 0, height: 24)
        }
        #expect(throws: PolicyError.self) {
            try policy.schedule(steps: 0, grid: TokenGrid(rows: 1, columns: 1))
        }
        #expect(throws: PolicyError.self) { try policy.textConditioning(["x"], maximumLength: 513) }
        let request = try request(fixture, policy)
        #expect(throws: PolicyError.latentShape(expected: [16, 16], found: [12, 16])) {
            try policy.sample([request], grid: TokenGrid(rows: 4, columns: 4), steps: 1, solver: .flow)
        }
    }

    @Test("a folder of another pipeline, or without a part, is refused by name")
    func folders() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "policy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        #expect(throws: PolicyError.missingFile(path: path + "/model_index.json")) {
            try FluxKontextPolicy.load(folder: path)
        }
        let index = folder.appending(path: "model_index.json")
        try Data(#"{"_class_name": "StableDiffusionPipeline"}"#.utf8).write(to: index)
        #expect {
            try FluxKontextPolicy.load(folder: path)
        } throws: {
            "\($0)".contains("StableDiffusionPipeline") && "\($0)".contains("FluxKontextPipeline")
        }
        try Data(#"{"_class_name": "FluxKontextPipeline"}"#.utf8).write(to: index)
        #expect {
            try FluxKontextPolicy.load(folder: path)
        } throws: {
            "\($0)".contains("scheduler")
        }
    }

    @Test("the embedded policy loads and samples a picture of 48 pixels")
    func embedded() throws {
        let policy = try FluxKontextPolicy.load(folder: EmbeddedPolicy.folder())
        #expect(policy.fingerprint.hasPrefix("sha256:"))
        #expect(policy.defaultTextLength == 12)
        #expect(policy.defaultGuidance == nil)
        let grid = try policy.grid(width: 48, height: 48)
        let image = PixelImage(width: 48, height: 48, pixels: [UInt8](repeating: 128, count: 48 * 48 * 3))
        let request = SampleRequest(
            conditioning: try policy.conditioning(
                "make the red circle blue",
                pictures: [image],
                target: grid,
                guided: false,
                maximumLength: nil
            ),
            noise: policy.noise(grid: grid, seeds: SeedTree(seed: 3))
        )
        let final = try policy.sample([request], grid: grid, steps: 3, solver: .dpm2)
        #expect(policy.decode(final, grid: grid)[0].width == 48)
    }
}
