import Foundation

/// The `config.json` of a FluxTransformer2DModel.
///
/// Source: huggingface/diffusers 0.42.1, `models/transformers/transformer_flux.py`; keys that are left out have the
/// defaults of that file.
struct FluxConfiguration: Sendable, Equatable {
    /// Numbers of a packed latent token.
    let inputChannels: Int
    /// Numbers of a predicted token.
    let outputChannels: Int
    /// Blocks with a stream each for text and image.
    let doubleBlockCount: Int
    /// Blocks with one stream.
    let singleBlockCount: Int
    /// Attention heads.
    let headCount: Int
    /// Channels of a head.
    let headDimension: Int
    /// Width of the text encoder's states.
    let jointDimension: Int
    /// Width of the pooled text embedding.
    let pooledDimension: Int
    /// Whether guidance strength is an input.
    let hasGuidance: Bool
    /// Channels of a head that each position axis turns.
    let rotaryDimensions: [Int]

    /// Width of the streams.
    var width: Int { headCount * headDimension }
    /// Hidden width of the feed-forward layers.
    var feedForwardWidth: Int { 4 * width }

    private struct File: Decodable {
        let _class_name: String?
        let patch_size: Int?
        let in_channels: Int?
        let out_channels: Int?
        let num_layers: Int?
        let num_single_layers: Int?
        let attention_head_dim: Int?
        let num_attention_heads: Int?
        let joint_attention_dim: Int?
        let pooled_projection_dim: Int?
        let guidance_embeds: Bool?
        let axes_dims_rope: [Int]?
    }

    /// Reads and checks the file.
    ///
    /// - Parameter path: Path of `config.json`.
    /// - Throws: ``PolicyError/missingFile(path:)``, ``PolicyError/malformed(path:reason:)``,
    ///   ``PolicyError/unsupported(path:reason:)``.
    init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw PolicyError.missingFile(path: path)
        }
        try self.init(data, path: path)
    }

    /// Reads and checks the contents of a file.
    ///
    /// - Parameters:
    ///   - data: JSON.
    ///   - path: What errors call it.
    /// - Throws: ``PolicyError/malformed(path:reason:)``, ``PolicyError/unsupported(path:reason:)``.
    init(_ data: Data, path: String) throws {
        let file: File
        do {
            file = try JSONDecoder().decode(File.self, from: data)
        } catch {
            throw PolicyError.malformed(path: path, reason: "\(error)")
        }
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let name = file._class_name, name != "FluxTransformer2DModel" {
            throw refuse("it configures a \(name), not a FluxTransformer2DModel")
        }
        guard (file.patch_size ?? 1) == 1 else {
            throw refuse("patch_size \(file.patch_size ?? 1) is not supported, only 1")
        }
        inputChannels = file.in_channels ?? 64
        outputChannels = file.out_channels ?? inputChannels
        doubleBlockCount = file.num_layers ?? 19
        singleBlockCount = file.num_single_layers ?? 38
        headDimension = file.attention_head_dim ?? 128
        headCount = file.num_attention_heads ?? 24
        jointDimension = file.joint_attention_dim ?? 4096
        pooledDimension = file.pooled_projection_dim ?? 768
        hasGuidance = file.guidance_embeds ?? false
        rotaryDimensions = file.axes_dims_rope ?? [16, 56, 56]
        let sizes = [
            ("in_channels", inputChannels), ("out_channels", outputChannels),
            ("attention_head_dim", headDimension),
            ("num_attention_heads", headCount), ("joint_attention_dim", jointDimension),
            ("pooled_projection_dim", pooledDimension), ("num_layers + 1", doubleBlockCount + 1),
            ("num_single_layers + 1", singleBlockCount + 1),
        ]
        if let (name, value) = sizes.first(where: { !(1...1_000_000).contains($0.1) }) {
            throw refuse("\(name) is \(value), which makes no sense")
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
