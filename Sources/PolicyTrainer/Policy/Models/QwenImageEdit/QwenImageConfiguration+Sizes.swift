extension QwenImageConfiguration: TransformerSizes {
    var doubleBlockCount: Int { blockCount }
    var singleBlockCount: Int { 0 }
    var hasGuidance: Bool { false }

    /// Shape of every tensor of the transformer by its diffusers name, from the sizes alone.
    ///
    /// Source: `QwenImageTransformer2DModel` in huggingface/diffusers 0.42.1,
    /// `src/diffusers/models/transformers/transformer_qwenimage.py`.
    var tensorShapes: [String: [Int]] {
        var shapes: [String: [Int]] = [:]
        func linear(_ name: String, _ inputs: Int, _ outputs: Int) {
            shapes[name + ".weight"] = [outputs, inputs]
            shapes[name + ".bias"] = [outputs]
        }
        linear("img_in", inputChannels, width)
        linear("txt_in", jointDimension, width)
        shapes["txt_norm.weight"] = [jointDimension]
        linear("time_text_embed.timestep_embedder.linear_1", TimestepSinusoid.width, width)
        linear("time_text_embed.timestep_embedder.linear_2", width, width)
        for index in 0..<blockCount {
            let block = "transformer_blocks.\(index)"
            for (stream, projections, merge) in [
                ("img", ["to_q", "to_k", "to_v"], "to_out.0"),
                ("txt", ["add_q_proj", "add_k_proj", "add_v_proj"], "to_add_out"),
            ] {
                linear("\(block).\(stream)_mod.1", width, 6 * width)
                for map in projections + [merge] { linear("\(block).attn.\(map)", width, width) }
                linear("\(block).\(stream)_mlp.net.0.proj", width, 4 * width)
                linear("\(block).\(stream)_mlp.net.2", 4 * width, width)
            }
            for norm in ["norm_q", "norm_k", "norm_added_q", "norm_added_k"] {
                shapes["\(block).attn.\(norm).weight"] = [headDimension]
            }
        }
        linear("norm_out.linear", width, 2 * width)
        linear("proj_out", width, outputChannels)
        return shapes
    }
}
