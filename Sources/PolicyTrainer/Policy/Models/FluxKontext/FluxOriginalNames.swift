/// What the modules of a diffusers folder are called in original FLUX checkpoints, which fuse some of them.
///
/// Source: huggingface/diffusers 0.42.1, `loaders/single_file_utils.py`, `convert_flux_transformer_checkpoint_to_diffusers`.
enum FluxOriginalNames {
    /// Where an original checkpoint has a module.
    struct Place: Sendable, Equatable {
        /// Module path in the original checkpoint.
        var module: String
        /// First row of the module there, in multiples of the model's width; nil when it is not fused with others.
        var offset: Int?

        /// Whether the rows are shift, then scale there, and scale, then shift in diffusers.
        var swapsHalves: Bool { module == "final_layer.adaLN_modulation.1" }

        /// Whether it is the weight of a norm, which is called `scale` there.
        var isNorm: Bool { module.hasSuffix("_norm") }
    }

    private static let top: [String: Place] = [
        "x_embedder": Place(module: "img_in"),
        "context_embedder": Place(module: "txt_in"),
        "time_text_embed.timestep_embedder.linear_1": Place(module: "time_in.in_layer"),
        "time_text_embed.timestep_embedder.linear_2": Place(module: "time_in.out_layer"),
        "time_text_embed.guidance_embedder.linear_1": Place(module: "guidance_in.in_layer"),
        "time_text_embed.guidance_embedder.linear_2": Place(module: "guidance_in.out_layer"),
        "time_text_embed.text_embedder.linear_1": Place(module: "vector_in.in_layer"),
        "time_text_embed.text_embedder.linear_2": Place(module: "vector_in.out_layer"),
        "norm_out.linear": Place(module: "final_layer.adaLN_modulation.1"),
        "proj_out": Place(module: "final_layer.linear"),
    ]

    private static let double: [String: Place] = [
        "norm1.linear": Place(module: "img_mod.lin"),
        "norm1_context.linear": Place(module: "txt_mod.lin"),
        "attn.to_q": Place(module: "img_attn.qkv", offset: 0),
        "attn.to_k": Place(module: "img_attn.qkv", offset: 1),
        "attn.to_v": Place(module: "img_attn.qkv", offset: 2),
        "attn.add_q_proj": Place(module: "txt_attn.qkv", offset: 0),
        "attn.add_k_proj": Place(module: "txt_attn.qkv", offset: 1),
        "attn.add_v_proj": Place(module: "txt_attn.qkv", offset: 2),
        "attn.norm_q": Place(module: "img_attn.norm.query_norm"),
        "attn.norm_k": Place(module: "img_attn.norm.key_norm"),
        "attn.norm_added_q": Place(module: "txt_attn.norm.query_norm"),
        "attn.norm_added_k": Place(module: "txt_attn.norm.key_norm"),
        "attn.to_out.0": Place(module: "img_attn.proj"),
        "attn.to_add_out": Place(module: "txt_attn.proj"),
        "ff.net.0.proj": Place(module: "img_mlp.0"),
        "ff.net.2": Place(module: "img_mlp.2"),
        "ff_context.net.0.proj": Place(module: "txt_mlp.0"),
        "ff_context.net.2": Place(module: "txt_mlp.2"),
    ]

    private static let single: [String: Place] = [
        "norm.linear": Place(module: "modulation.lin"),
        "attn.to_q": Place(module: "linear1", offset: 0),
        "attn.to_k": Place(module: "linear1", offset: 1),
        "attn.to_v": Place(module: "linear1", offset: 2),
        "proj_mlp": Place(module: "linear1", offset: 3),
        "attn.norm_q": Place(module: "norm.query_norm"),
        "attn.norm_k": Place(module: "norm.key_norm"),
        "proj_out": Place(module: "linear2"),
    ]

    /// Finds a module; nil for one that FLUX does not have.
    ///
    /// - Parameter module: Module path in diffusers, without `.weight`.
    /// - Returns: Where the original file keeps it.
    static func place(of module: String) -> Place? {
        if let place = top[module] { return place }
        for (prefix, original, table) in [
            ("transformer_blocks.", "double_blocks.", double),
            ("single_transformer_blocks.", "single_blocks.", single),
        ] where module.hasPrefix(prefix) {
            let path = module.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
            guard path.count == 2, let index = Int(path[0]), let place = table[String(path[1])] else {
                return nil
            }
            return Place(module: "\(original)\(index).\(place.module)", offset: place.offset)
        }
        return nil
    }
}
