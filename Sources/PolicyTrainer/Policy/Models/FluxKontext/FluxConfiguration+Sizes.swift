extension FluxConfiguration: TransformerSizes {
    /// Shape of every tensor of the transformer by its diffusers name, from the sizes alone.
    ///
    /// Source: `FluxTransformer2DModel` in huggingface/diffusers 0.42.1,
    /// `src/diffusers/models/transformers/transformer_flux.py`.
    var tensorShapes: [String: [Int]] {
        var shapes: [String: [Int]] = [:]
        func linear(_ name: String, _ inputs: Int, _ outputs: Int) {
            shapes[name + ".weight"] = [outputs, inputs]
            shapes[name + ".bias"] = [outputs]
        }
        func embedder(_ name: String, _ inputs: Int) {
            linear("time_text_embed.\(name).linear_1", inputs, width)
            linear("time_text_embed.\(name).linear_2", width, width)
        }
        linear("x_embedder", inputChannels, width)
        linear("context_embedder", jointDimension, width)
        embedder("timestep_embedder", TimestepSinusoid.width)
        if hasGuidance { embedder("guidance_embedder", TimestepSinusoid.width) }
        embedder("text_embedder", pooledDimension)
        for index in 0..<doubleBlockCount {
            let block = "transformer_blocks.\(index)"
            for (modulation, projections, merge, feedForward) in [
                ("norm1", ["to_q", "to_k", "to_v"], "to_out.0", "ff"),
                ("norm1_context", ["add_q_proj", "add_k_proj", "add_v_proj"], "to_add_out", "ff_context"),
            ] {
                linear("\(block).\(modulation).linear", width, 6 * width)
                for map in projections + [merge] { linear("\(block).attn.\(map)", width, width) }
                linear("\(block).\(feedForward).net.0.proj", width, feedForwardWidth)
                linear("\(block).\(feedForward).net.2", feedForwardWidth, width)
            }
            for norm in ["norm_q", "norm_k", "norm_added_q", "norm_added_k"] {
                shapes["\(block).attn.\(norm).weight"] = [headDimension]
            }
        }
        for index in 0..<singleBlockCount {
            let block = "single_transformer_blocks.\(index)"
            linear("\(block).norm.linear", width, 3 * width)
            for map in ["to_q", "to_k", "to_v"] { linear("\(block).attn.\(map)", width, width) }
            linear("\(block).proj_mlp", width, feedForwardWidth)
            linear("\(block).proj_out", width + feedForwardWidth, width)
            for norm in ["norm_q", "norm_k"] { shapes["\(block).attn.\(norm).weight"] = [headDimension] }
        }
        linear("norm_out.linear", width, 2 * width)
        linear("proj_out", width, outputChannels)
        return shapes
    }
}
