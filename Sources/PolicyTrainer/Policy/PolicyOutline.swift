import Foundation
import Shared

/// The sizes of a policy folder, from its configurations and the headers of its weights: what memory is planned by.
struct PolicyOutline: Sendable {
    /// Names, shapes and formats of the transformer's tensors.
    let transformer: any WeightStore
    /// Blocks of the transformer, of all kinds.
    let blockCount: Int
    /// Width of its streams.
    let width: Int
    /// Width of a text state.
    let textWidth: Int
    /// Weights of the text encoders.
    let encoders: [any WeightStore]
    /// Weights of the image autoencoder.
    let autoencoder: any WeightStore
    /// Pixels of a token's side.
    let tokenSide: Int
    /// Channels of the autoencoder's widest layer at the full resolution.
    let finestChannels: Int
    /// Whether the text encoder sees the picture, so that its tokens stand among those of the text.
    let textHoldsPictures: Bool

    /// Reads the sizes.
    ///
    /// - Parameters:
    ///   - index: The folder's index.
    ///   - transformerFile: A file with the transformer's weights instead of the folder's.
    /// - Throws: ``PolicyError`` or `WeightError`: one line that names file and remedy.
    init(index: ModelIndex, transformerFile: String? = nil) throws {
        let family = try PolicyFamily.family(of: index)
        func store(_ part: String, _ stem: String, _ accepted: String) throws -> WeightFolder {
            try WeightFolder(folder: index.part(part, accepted: [accepted]), stem: stem)
        }
        let stem = "diffusion_pytorch_model"
        let configuration = index.folder + "/transformer/config.json"
        let vae = index.folder + "/vae/config.json"
        switch family {
        case .fluxKontext:
            let flux = try FluxConfiguration(path: configuration)
            transformer =
                if let transformerFile {
                    try FluxOriginalFile(path: transformerFile, configuration: flux)
                } else {
                    try store("transformer", stem, "FluxTransformer2DModel")
                }
            blockCount = flux.doubleBlockCount + flux.singleBlockCount
            (width, textWidth) = (flux.width, flux.jointDimension)
            encoders = [
                try store("text_encoder", "model", "CLIPTextModel"),
                try store("text_encoder_2", "model", "T5EncoderModel"),
            ]
            autoencoder = try store("vae", stem, "AutoencoderKL")
            let sizes = try AutoencoderConfiguration(path: vae)
            tokenSide = 2 * sizes.spatialFactor
            finestChannels = sizes.blockChannels.prefix(2).max() ?? 0
            textHoldsPictures = false
        case .qwenImageEdit, .qwenImageEditPlus:
            let qwen = try QwenImageConfiguration(path: configuration)
            transformer = try store("transformer", stem, "QwenImageTransformer2DModel")
            blockCount = qwen.blockCount
            (width, textWidth) = (qwen.width, qwen.jointDimension)
            encoders = [try store("text_encoder", "model", "Qwen2_5_VLForConditionalGeneration")]
            autoencoder = try store("vae", stem, "AutoencoderKLQwenImage")
            let sizes = try QwenImageAutoencoderConfiguration(path: vae)
            tokenSide = 2 * sizes.latentFormat.spatialFactor
            finestChannels = sizes.blockChannels.prefix(2).max() ?? 0
            textHoldsPictures = true
        }
    }

    /// Whether the transformer is so large that one shard at a time runs, with products on all threads.
    var isLarge: Bool { BaseWeightOptions().resolved(for: transformer).format != .float32 }

    /// Tokens of a sample.
    ///
    /// - Parameters:
    ///   - width: Pixels of target and reference.
    ///   - height: Pixels of target and reference.
    ///   - textLength: Tokens that a text is padded to; nil for the 512 of T5.
    /// - Returns: Tokens of the text, and of target and reference together.
    func tokens(width: Int, height: Int, textLength: Int?) -> (text: Int, image: Int) {
        let image = 2 * (width / tokenSide) * (height / tokenSide)
        // Qwen2.5-VL makes a token of 28×28 pixels; its template and an instruction stay below 128 tokens.
        return (textHoldsPictures ? 128 + width * height / (28 * 28) : textLength ?? 512, image)
    }

    /// Numbers of an adapter on the linear maps that targets match.
    func adapterParameterCount(rank: Int, targets: [String]) -> Int {
        transformer.names.reduce(0) { sum, name in
            guard name.hasSuffix(".weight"), let shape = transformer.shape(of: name), shape.count == 2 else {
                return sum
            }
            let module = String(name.dropLast(".weight".count))
            let isTarget = targets.contains { module == $0 || module.hasSuffix("." + $0) }
            return isTarget ? sum + rank * (shape[0] + shape[1]) : sum
        }
    }
}

extension BaseWeightOptions {
    /// Bytes of a checkpoint's weights when they are kept so.
    ///
    /// - Parameter store: The checkpoint.
    /// - Returns: Bytes that only these weights hold, and bytes of mapped files, which the system can drop and read again.
    func byteCounts(of store: any WeightStore) -> (owned: Int, mapped: Int) {
        let options = resolved(for: store)
        var (owned, mapped) = (0, 0)
        for name in store.names {
            guard let shape = store.shape(of: name), let columns = shape.last else { continue }
            let count = shape.reduce(1, *)
            func size(_ format: WeightFormat) -> Int {
                count / format.blockLength * format.blockByteCount
            }
            let stored = store.format(of: name) ?? .float32
            if options.format == .float32 || shape.count < 2 {
                owned += size(.float32)
            } else if let wanted = options.format.packed {
                let format = columns.isMultiple(of: wanted.blockLength) ? wanted : .bfloat16
                if format == stored { mapped += size(format) } else { owned += size(format) }
            } else {
                mapped += size(stored)
            }
        }
        return (owned, mapped)
    }
}
