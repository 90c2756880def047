import Foundation

/// The `config.json` of an AutoencoderKL.
///
/// Source: huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl.py`.
struct AutoencoderConfiguration: Sendable, Equatable {
    /// Channels of a latent pixel.
    let latentChannels: Int
    /// Channels of each resolution, finest first; every resolution but the last halves the image.
    let blockChannels: [Int]
    /// Residual layers of an encoder resolution; the decoder has one more.
    let layersPerBlock: Int
    /// Groups of every normalisation.
    let groups: Int
    /// Whether the middle of encoder and decoder attends over the whole image.
    let hasMiddleAttention: Bool
    /// Whether a 1×1 convolution follows the encoder.
    let hasQuantConvolution: Bool
    /// Whether a 1×1 convolution precedes the decoder.
    let hasPostQuantConvolution: Bool
    /// What is subtracted from a latent before the transformer sees it.
    let shiftFactor: Float
    /// What a shifted latent is multiplied by.
    let scalingFactor: Float

    /// Pixels of one side of the image per latent pixel.
    var spatialFactor: Int { 1 << (blockChannels.count - 1) }

    /// One shift and one factor for all channels.
    var latentFormat: LatentFormat {
        LatentFormat(
            latentChannels: latentChannels,
            spatialFactor: spatialFactor,
            shifts: [Float](repeating: shiftFactor, count: latentChannels),
            factors: [Float](repeating: scalingFactor, count: latentChannels)
        )
    }

    private struct File: Decodable {
        let _class_name: String?
        let in_channels: Int?
        let out_channels: Int?
        let latent_channels: Int?
        let block_out_channels: [Int]
        let down_block_types: [String]?
        let up_block_types: [String]?
        let layers_per_block: Int?
        let norm_num_groups: Int?
        let act_fn: String?
        let mid_block_add_attention: Bool?
        let use_quant_conv: Bool?
        let use_post_quant_conv: Bool?
        let shift_factor: Float?
        let scaling_factor: Float?
    }

    /// Reads and checks the file; keys that are left out have diffusers' defaults.
    ///
    /// - Parameter path: Path of `config.json`.
    /// - Throws: ``PolicyError``.
    init(path: String) throws {
        let file = try ModelIndex.decode(File.self, path: path)
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let name = file._class_name, name != "AutoencoderKL" {
            throw refuse("it configures a \(name), not an AutoencoderKL")
        }
        guard (file.in_channels ?? 3) == 3, (file.out_channels ?? 3) == 3 else {
            throw refuse("in_channels and out_channels must be 3")
        }
        guard (file.act_fn ?? "silu") == "silu" else {
            throw refuse("act_fn \(file.act_fn ?? "") is not supported, only silu")
        }
        for type in (file.down_block_types ?? []) where type != "DownEncoderBlock2D" {
            throw refuse("down block \(type) is not supported, only DownEncoderBlock2D")
        }
        for type in (file.up_block_types ?? []) where type != "UpDecoderBlock2D" {
            throw refuse("up block \(type) is not supported, only UpDecoderBlock2D")
        }
        latentChannels = file.latent_channels ?? 4
        blockChannels = file.block_out_channels
        layersPerBlock = file.layers_per_block ?? 1
        groups = file.norm_num_groups ?? 32
        hasMiddleAttention = file.mid_block_add_attention ?? true
        hasQuantConvolution = file.use_quant_conv ?? true
        hasPostQuantConvolution = file.use_post_quant_conv ?? true
        shiftFactor = file.shift_factor ?? 0
        scalingFactor = file.scaling_factor ?? 0.18215
        guard
            latentChannels > 0, layersPerBlock > 0, groups > 0, scalingFactor != 0,
            (1...8).contains(blockChannels.count),
            blockChannels.allSatisfy({ $0 > 0 && $0 % groups == 0 }),
            (file.down_block_types?.count ?? blockChannels.count) == blockChannels.count,
            (file.up_block_types?.count ?? blockChannels.count) == blockChannels.count
        else {
            throw refuse(
                "block_out_channels \(blockChannels) do not fit \(groups) groups, the block types, or 1 to 8 blocks"
            )
        }
    }
}
