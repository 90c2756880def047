import Foundation
import Shared
import Testing

@testable import PolicyTrainer

/// Against AutoencoderKLQwenImage of diffusers 0.42.1, which runs its convolutions over time.
@Suite struct QwenImageAutoencoderTests {
    private func load(_ fixture: QwenImageFixture) throws -> Autoencoder {
        try Autoencoder(qwenImageFolder: fixture.folder + "/vae")
    }

    @Test("the posterior's mean equals diffusers'", arguments: ["even", "odd"])
    func encode(size: String) throws {
        let fixture = try QwenImageFixture()
        let mean = try load(fixture).encode(try fixture.tensors.tensor("encode.\(size).pixels"))
        #expect(try fixture.error(mean, "encode.\(size).mean") < fixture.manifest.tolerance)
    }

    @Test("the decoded image, clamped, equals diffusers'", arguments: ["even", "odd"])
    func decode(size: String) throws {
        let fixture = try QwenImageFixture()
        let image = try load(fixture).decode(try fixture.tensors.tensor("decode.\(size).latents"))
        let clamped = image.mapped { min(1, max(-1, $0)) }
        #expect(try fixture.error(clamped, "decode.\(size).pixels") < fixture.manifest.tolerance)
        #expect(image.values.contains { abs($0) < 0.5 })
    }

    @Test("each latent channel has its own mean and deviation, and the way back undoes it")
    func statistics() throws {
        let format = try load(QwenImageFixture()).configuration
        #expect(format.spatialFactor == 4 && format.latentChannels == 4)
        let latents = Tensor([0.5, 1.6, 2.5, 0.9], shape: [1, 1, 1, 4])
        let normalized = format.normalized(latents)
        let expected = Tensor([1, 1, 1, 1] as [Float])
        #expect(relativeDifference(normalized, expected) < 1e-6)
        #expect(relativeDifference(format.denormalized(normalized), latents) < 1e-6)
    }

    @Test("a pixel of zeros stays zero, and tiny pixels come to the same length as large ones")
    func channelNorm() {
        let norm = ChannelNorm(weight: Tensor([1, 1, 2] as [Float]))
        let pixels = Tensor([0, 0, 0, 3e-8, 4e-8, 0, 3, 4, 0], shape: [1, 1, 3, 3])
        let found = norm(FeatureMap(pixels), silu: false).pixels().values
        let unit: [Float] = [0.6 * 3.0.squareRoot(), 0.8 * 3.0.squareRoot(), 0].map { Float($0) }
        #expect(Array(found[0..<3]) == [0, 0, 0])
        #expect(relativeDifference(Tensor(Array(found[3..<6])), Tensor(unit)) < 1e-6)
        #expect(relativeDifference(Tensor(Array(found[6..<9])), Tensor(unit)) < 1e-6)
    }

    @Test(
        "a configuration that is not supported is refused by name",
        arguments: [
            ("attn_scales", "[1.0]"), ("input_channels", "4"), ("temperal_downsample", "[true]"),
            ("latents_std", "[0.0]"), ("_class_name", "\"AutoencoderKL\""),
        ]
    )
    func refusals(key: String, value: String) throws {
        let path = NSTemporaryDirectory() + "qwen-vae-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{\"\(key)\": \(value)}".utf8).write(to: URL(filePath: path))
        #expect {
            try QwenImageAutoencoderConfiguration(path: path)
        } throws: {
            "\($0)".contains(key == "_class_name" ? "AutoencoderKLQwenImage" : key)
        }
    }
}
