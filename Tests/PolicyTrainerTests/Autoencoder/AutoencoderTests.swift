import Shared
import Testing

@testable import PolicyTrainer

@Suite("Image autoencoder")
struct AutoencoderTests {
    @Test("the posterior's mean equals diffusers'", arguments: ["even", "odd"])
    func encode(size: String) throws {
        let fixture = try PipelineFixture()
        let autoencoder = try Autoencoder(folder: fixture.policyFolder + "/vae")
        let mean = autoencoder.encode(try fixture.tensors.tensor("encode.\(size).pixels"))
        #expect(try fixture.error(mean, "encode.\(size).mean") < fixture.manifest.tolerance)
    }

    @Test("the decoded image equals diffusers'", arguments: ["even", "odd"])
    func decode(size: String) throws {
        let fixture = try PipelineFixture()
        let autoencoder = try Autoencoder(folder: fixture.policyFolder + "/vae")
        let image = autoencoder.decode(try fixture.tensors.tensor("decode.\(size).latents"))
        #expect(try fixture.error(image, "decode.\(size).pixels") < fixture.manifest.tolerance)
    }

    @Test("an image of a batch has the bits of the image alone")
    func batch() throws {
        let fixture = try PipelineFixture()
        let autoencoder = try Autoencoder(folder: fixture.policyFolder + "/vae")
        let latents = try fixture.tensors.tensor("decode.odd.latents")
        let both = autoencoder.decode(latents).values
        let half = latents.rowCount / 2
        for index in 0..<2 {
            let one = latents.rows((index * half)..<((index + 1) * half)).reshaped(
                [1] + latents.shape.dropFirst()
            )
            let alone = autoencoder.decode(one).values
            #expect(alone == Array(both[(index * alone.count)..<((index + 1) * alone.count)]))
        }
    }

    @Test("packing equals diffusers' and unpacking undoes it")
    func packing() throws {
        let fixture = try PipelineFixture()
        let latents = try fixture.tensors.tensor("pack.latents")
        let packed = LatentPacking.pack(latents)
        #expect(try fixture.error(packed, "pack.tokens") == 0)
        #expect(LatentPacking.unpack(packed, rows: 2, columns: 3).values == latents.values)
    }

    @Test("the embedded autoencoder loads, and its resolutions fit pictures of 48 pixels")
    func embedded() throws {
        let autoencoder = try Autoencoder(folder: EmbeddedPolicy.folder() + "/vae")
        #expect(autoencoder.configuration.spatialFactor == 8)
        let latents = Tensor(zeros: [1, 6, 6, autoencoder.configuration.latentChannels])
        #expect(autoencoder.decode(latents).shape == [1, 48, 48, 3])
    }
}
