extension FluxConfiguration {
    /// Shape of every tensor of the transformer by its diffusers name, from the sizes alone.
    ///
    /// Source: policies.md 1.2.
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

    /// How many numbers the transformer holds; 11,901,408,320 for FLUX.1-Kontext-dev.
    var parameterCount: Int { tensorShapes.values.reduce(0) { $0 + $1.reduce(1, *) } }

    /// How many numbers an adapter on the published targets trains: eight maps of a double block, three of a single one.
    ///
    /// - Parameter rank: Rows of A and columns of B.
    /// - Returns: Numbers of all pairs together.
    func publishedAdapterParameterCount(rank: Int) -> Int {
        (8 * doubleBlockCount + 3 * singleBlockCount) * 2 * width * rank
    }

    /// Floating-point operations of a forward pass of one sample, two for a multiply-add.
    ///
    /// Every token takes 12 · width² multiply-adds in each block; attention takes 2 · tokens² · width. Layers that act on
    /// one vector a sample are left out: together they are below a thousandth.
    ///
    /// - Parameter tokens: Text, target and reference tokens.
    /// - Returns: Operations.
    func operations(tokens: Int) -> Double {
        linearOperations(tokens) + attentionOperations(tokens)
    }

    /// Floating-point operations of one training item: predictions of the old, the reference and the current policy, the
    /// gradient by the adapter (the inputs of all linear maps, 2.5 times the attention), and the blocks computed again.
    ///
    /// - Parameter tokens: Text, target and reference tokens.
    /// - Returns: Operations.
    func trainingOperations(tokens: Int) -> Double {
        4 * operations(tokens: tokens) + linearOperations(tokens) + 2.5 * attentionOperations(tokens)
    }

    private func linearOperations(_ tokens: Int) -> Double {
        Double(doubleBlockCount + singleBlockCount) * 24 * Double(width) * Double(width) * Double(tokens)
    }

    private func attentionOperations(_ tokens: Int) -> Double {
        Double(doubleBlockCount + singleBlockCount) * 4 * Double(tokens) * Double(tokens) * Double(width)
    }
}
