import Foundation

/// The `config.json` of an AutoencoderKLQwenImage.
///
/// Source: huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl_qwenimage.py`; keys that are left out have
/// the defaults of that file.
struct QwenImageAutoencoderConfiguration: Sendable, Equatable {
    /// Channels of a latent pixel.
    let latentChannels: Int
    /// Channels of each resolution, finest first; every resolution but the last halves the image.
    let blockChannels: [Int]
    /// Channels of the first convolution of the encoder.
    let entryChannels: Int
    /// Residual layers of an encoder resolution; the decoder has one more.
    let layersPerBlock: Int
    /// Whether the step behind each resolution but the last halves time too.
    let halvesTime: [Bool]
    /// Mean of each latent channel.
    let means: [Float]
    /// Standard deviation of each latent channel.
    let deviations: [Float]

    /// A shift and a factor for every channel.
    var latentFormat: LatentFormat {
        LatentFormat(
            latentChannels: latentChannels,
            spatialFactor: 1 << halvesTime.count,
            shifts: means,
            factors: deviations.map { 1 / $0 }
        )
    }

    private struct File: Decodable {
        let _class_name: String?
        let base_dim: Int?
        let z_dim: Int?
        let dim_mult: [Int]?
        let num_res_blocks: Int?
        let attn_scales: [Double]?
        let temperal_downsample: [Bool]?
        let input_channels: Int?
        let latents_mean: [Float]?
        let latents_std: [Float]?
    }

    /// Mean of each channel of the published model.
    private static let publishedMeans: [Float] = [
        -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
        -0.3632,
        -0.1922, -0.9497, 0.2503, -0.2921,
    ]
    /// Standard deviation of each channel of the published model.
    private static let publishedDeviations: [Float] = [
        2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
        1.6382,
        1.1253, 2.8251, 1.9160,
    ]

    /// Reads and checks the file.
    ///
    /// - Parameter path: Path of `config.json`.
    /// - Throws: ``PolicyError``.
    init(path: String) throws {
        let file = try ModelIndex.decode(File.self, path: path)
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let name = file._class_name, name != "AutoencoderKLQwenImage" {
            throw refuse("it configures a \(name), not an AutoencoderKLQwenImage")
        }
        guard (file.attn_scales ?? []).isEmpty else {
            throw refuse("attn_scales \(file.attn_scales ?? []) is not supported, only an empty list")
        }
        guard (file.input_channels ?? 3) == 3 else { throw refuse("input_channels must be 3") }
        latentChannels = file.z_dim ?? 16
        entryChannels = file.base_dim ?? 96
        blockChannels = (file.dim_mult ?? [1, 2, 4, 4]).map { $0 * (file.base_dim ?? 96) }
        layersPerBlock = file.num_res_blocks ?? 2
        halvesTime = file.temperal_downsample ?? [false, true, true]
        means = file.latents_mean ?? Self.publishedMeans
        deviations = file.latents_std ?? Self.publishedDeviations
        guard
            latentChannels > 0, layersPerBlock > 0, entryChannels > 0,
            (1...8).contains(blockChannels.count),
            blockChannels.allSatisfy({ $0 > 0 }), blockChannels.dropFirst().allSatisfy({ $0 % 2 == 0 }),
            halvesTime.count == blockChannels.count - 1
        else {
            throw refuse(
                "base_dim \(entryChannels), dim_mult and temperal_downsample \(halvesTime) do not fit together"
            )
        }
        guard means.count == latentChannels, deviations.count == latentChannels,
            (means + deviations).allSatisfy(\.isFinite), deviations.allSatisfy({ $0 > 0 })
        else {
            throw refuse("latents_mean and latents_std are not \(latentChannels) sound numbers each")
        }
    }
}
