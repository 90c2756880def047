import Foundation

/// The `config.json` of a QwenImageTransformer2DModel.
///
/// Source: huggingface/diffusers 0.42.1, `models/transformers/transformer_qwenimage.py`; keys that are left out have
/// the defaults of that file.
struct QwenImageConfiguration: Sendable, Equatable {
    /// Numbers of a packed latent token.
    let inputChannels: Int
    /// Numbers of a predicted token.
    let outputChannels: Int
    /// Blocks; each has a stream for text and one for images.
    let blockCount: Int
    /// Attention heads.
    let headCount: Int
    /// Channels of a head.
    let headDimension: Int
    /// Width of the text encoder's states.
    let jointDimension: Int
    /// Channels of a head that each position axis turns.
    let rotaryDimensions: [Int]

    /// Width of the streams.
    var width: Int { headCount * headDimension }

    private struct File: Decodable {
        let _class_name: String?
        let patch_size: Int?
        let in_channels: Int?
        let out_channels: Int?
        let num_layers: Int?
        let attention_head_dim: Int?
        let num_attention_heads: Int?
        let joint_attention_dim: Int?
        let guidance_embeds: Bool?
        let axes_dims_rope: [Int]?
        let zero_cond_t: Bool?
        let use_additional_t_cond: Bool?
        let use_layer3d_rope: Bool?
    }

    /// Reads and checks the file.
    ///
    /// - Parameter path: Path of `config.json`.
    /// - Throws: ``PolicyError/missingFile(path:)``, ``PolicyError/malformed(path:reason:)``,
    ///   ``PolicyError/unsupported(path:reason:)``.
    init(path: String) throws {
        let file = try ModelIndex.decode(File.self, path: path)
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let name = file._class_name, name != "QwenImageTransformer2DModel" {
            throw refuse("it configures a \(name), not a QwenImageTransformer2DModel")
        }
        let switches: [(String, Bool?, String)] = [
            (
                "zero_cond_t", file.zero_cond_t,
                "a second modulation of the references, as the 2511 release has it"
            ),
            (
                "use_additional_t_cond", file.use_additional_t_cond,
                "a second condition beside the noise level"
            ),
            ("use_layer3d_rope", file.use_layer3d_rope, "positions of layered images"),
            ("guidance_embeds", file.guidance_embeds, "a guidance-distilled model"),
        ]
        for (name, value, meaning) in switches where value == true {
            throw refuse(
                "\(name) = true (\(meaning)) is not supported, only Qwen-Image-Edit and its 2509 release"
            )
        }
        let patch = file.patch_size ?? 2
        inputChannels = file.in_channels ?? 64
        let latentChannels = file.out_channels ?? 16
        blockCount = file.num_layers ?? 60
        headDimension = file.attention_head_dim ?? 128
        headCount = file.num_attention_heads ?? 24
        jointDimension = file.joint_attention_dim ?? 3584
        rotaryDimensions = file.axes_dims_rope ?? [16, 56, 56]
        outputChannels = patch * patch * latentChannels
        let sizes = [
            ("patch_size", patch), ("in_channels", inputChannels), ("out_channels", latentChannels),
            ("num_layers", blockCount), ("attention_head_dim", headDimension),
            ("num_attention_heads", headCount), ("joint_attention_dim", jointDimension),
        ]
        if let (name, value) = sizes.first(where: { !(1...1_000_000).contains($0.1) }) {
            throw refuse("\(name) is \(value), which makes no sense")
        }
        guard outputChannels == inputChannels else {
            throw refuse(
                "patch_size \(patch) and out_channels \(latentChannels) give tokens of \(outputChannels) numbers, "
                    + "in_channels is \(inputChannels)"
            )
        }
        guard
            rotaryDimensions.count == 3, rotaryDimensions.allSatisfy({ $0 > 0 && $0 % 2 == 0 }),
            rotaryDimensions.reduce(0, +) == headDimension
        else {
            throw refuse(
                "axes_dims_rope \(rotaryDimensions) must be three even numbers that sum to attention_head_dim "
                    + "\(headDimension)"
            )
        }
    }
}
