import Shared

/// What a policy folder should hold by its configurations: the parts and sizes that ``PolicyReport`` tells.
struct PolicyInventory {
    /// Sizes of the transformer.
    let transformer: any TransformerSizes
    /// Its folder.
    let transformerFolder: String
    /// Name, class and file name of the other parts with weights.
    let otherParts: [(name: String, kind: String, stem: String)]
    /// Pixels of one side of a latent pixel.
    let spatialFactor: Int
    /// Tokens of the text in Edit-R1.
    let textTokens: Int

    /// Reads the configurations.
    ///
    /// - Parameters:
    ///   - index: The folder's `model_index.json`.
    ///   - family: Its family.
    /// - Throws: ``PolicyError``.
    init(index: ModelIndex, family: PolicyFamily) throws {
        transformerFolder = try index.part("transformer", accepted: [family.transformerClass.name])
        let (configuration, autoencoder) = (
            transformerFolder + "/config.json", index.folder + "/vae/config.json"
        )
        let stem = "diffusion_pytorch_model"
        switch family {
        case .fluxKontext:
            transformer = try FluxConfiguration(path: configuration)
            spatialFactor = try AutoencoderConfiguration(path: autoencoder).spatialFactor
            otherParts = [
                ("text_encoder", "CLIPTextModel", "model"), ("text_encoder_2", "T5EncoderModel", "model"),
                ("vae", "AutoencoderKL", stem),
            ]
            textTokens = 128
        case .qwenImageEdit, .qwenImageEditPlus:
            transformer = try QwenImageConfiguration(path: configuration)
            spatialFactor = try QwenImageAutoencoderConfiguration(path: autoencoder).latentFormat
                .spatialFactor
            otherParts = [
                ("text_encoder", "Qwen2_5_VLForConditionalGeneration", "model"),
                ("vae", "AutoencoderKLQwenImage", stem),
            ]
            textTokens = 256
        }
    }

    /// The transformer's weights in a file of their own.
    ///
    /// - Parameter path: Safetensors or GGUF.
    /// - Returns: The opened file.
    /// - Throws: ``PolicyError`` for a family that has none; `WeightError` for the file.
    func transformerFile(_ path: String) throws -> any WeightStore {
        guard let configuration = transformer as? FluxConfiguration else {
            throw PolicyError.setting(
                name: "transformer",
                value: path,
                reason: "only a FluxKontextPipeline takes its transformer from a file"
            )
        }
        return try FluxOriginalFile(path: path, configuration: configuration)
    }
}
