import Foundation
import Shared
import Testing

@testable import PolicyTrainer

@Suite("Text encoders")
struct TextEncoderTests {
    @Test("T5 states and CLIP's pooled vector equal transformers' for short, empty, long and odd prompts")
    func parity() throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        for (index, (prompt, length)) in zip(fixture.manifest.prompts, fixture.manifest.lengths).enumerated()
        {
            let result = try policy.textConditioning([prompt], maximumLength: length)[0]
            #expect(try fixture.error(result.text, "text.\(index)") < fixture.manifest.tolerance)
            #expect(try fixture.error(result.pooled, "pooled.\(index)") < fixture.manifest.tolerance)
        }
    }

    @Test("an instruction has the same bits in any company")
    func company() throws {
        let fixture = try PipelineFixture()
        let policy = try FluxKontextPolicy.load(folder: fixture.policyFolder)
        let together = try policy.textConditioning(fixture.manifest.prompts)
        for (prompt, expected) in zip(fixture.manifest.prompts, together) {
            let alone = try policy.textConditioning([prompt])[0]
            #expect(alone.text.values == expected.text.values)
            #expect(alone.pooled.values == expected.pooled.values)
            #expect(alone.text.shape == [20, 24])
        }
    }

    @Test("end token 2 in an old configuration means the highest id")
    func legacyEndToken() throws {
        let fixture = try PipelineFixture()
        let folder = try copyOfClip(fixture) { $0["eos_token_id"] = 2 }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let clip = try CLIPEncoder(folder: folder)
        let ids = try fixture.tensors.integers("legacy.ids")
        #expect(clip.pooledPosition(ids) == ids.firstIndex(of: ids.max() ?? 0))
        #expect(try fixture.error(clip.pooled(ids), "legacy.pooled") < fixture.manifest.tolerance)
    }

    @Test("every missing tensor is named at once, and so is every surplus one")
    func tensorNames() throws {
        let fixture = try PipelineFixture()
        let deeper = try copyOfClip(fixture) { $0["num_hidden_layers"] = 3 }
        defer { try? FileManager.default.removeItem(atPath: deeper) }
        do {
            _ = try CLIPEncoder(folder: deeper)
            Issue.record("a missing layer was accepted")
        } catch let error as WeightError {
            #expect("\(error)".contains("encoder.layers.2.layer_norm1.weight"))
            #expect("\(error)".contains("encoder.layers.2.mlp.fc2.bias"))
        }
        let flatter = try copyOfClip(fixture) { $0["num_hidden_layers"] = 1 }
        defer { try? FileManager.default.removeItem(atPath: flatter) }
        do {
            _ = try CLIPEncoder(folder: flatter)
            Issue.record("a surplus layer was accepted")
        } catch WeightError.surplus(let names, _) {
            #expect(names.count == 16)
        }
    }

    @Test(
        "distances fall into buckets as transformers computes them",
        arguments: [
            (0, 0), (-1, 1), (1, 17), (7, 23), (8, 24), (-8, 8), (-11, 8), (-12, 9), (16, 26), (127, 31),
            (-500, 15),
        ]
    )
    func buckets(distance: Int, bucket: Int) throws {
        let t5 = try T5Encoder(folder: PipelineFixture().policyFolder + "/text_encoder_2")
        #expect(t5.bucket(ofDistance: distance) == bucket)
    }

    /// A copy of the tiny CLIP whose configuration was changed.
    private func copyOfClip(_ fixture: PipelineFixture, _ change: (inout [String: Any]) -> Void) throws
        -> String
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clip-\(UUID().uuidString)")
        let source = URL(filePath: fixture.policyFolder + "/text_encoder")
        try FileManager.default.copyItem(at: source, to: folder)
        let path = folder.appending(path: "config.json")
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: path))
        var object = try #require(json as? [String: Any])
        change(&object)
        try JSONSerialization.data(withJSONObject: object).write(to: path)
        return folder.path(percentEncoded: false)
    }
}
