/// A transformer's class in diffusers, for files that name it.
struct TransformerClass: Sendable, Hashable {
    /// The class.
    let name: String
    /// The Python module that it stands in.
    let module: String

    /// FLUX.1's.
    static let flux = TransformerClass(
        name: "FluxTransformer2DModel",
        module: "diffusers.models.transformers.transformer_flux"
    )
    /// Qwen-Image's.
    static let qwenImage = TransformerClass(
        name: "QwenImageTransformer2DModel",
        module: "diffusers.models.transformers.transformer_qwenimage"
    )
}
