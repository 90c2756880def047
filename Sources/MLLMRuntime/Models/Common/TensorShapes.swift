/// Collects the names and shapes of a model's tensors.
struct TensorShapes {
    private(set) var shapes: [String: [Int]] = [:]

    /// Adds a tensor.
    mutating func add(_ name: String, _ shape: [Int]) {
        shapes[name] = shape
    }

    /// Adds a linear layer.
    mutating func linear(_ name: String, outputs: Int, inputs: Int, bias: Bool = true) {
        shapes[name + ".weight"] = [outputs, inputs]
        if bias {
            shapes[name + ".bias"] = [outputs]
        }
    }

    /// Adds a norm with a weight and perhaps a bias.
    mutating func norm(_ name: String, width: Int, bias: Bool) {
        shapes[name + ".weight"] = [width]
        if bias {
            shapes[name + ".bias"] = [width]
        }
    }

    /// Adds the patch embedding and the blocks' norms and attention, which all towers have.
    mutating func tower(_ vision: VisionConfiguration, hasPatchBias: Bool, hasNormBias: Bool) {
        let width = vision.hiddenSize
        add(
            "visual.patch_embed.proj.weight",
            [width, 3, vision.temporalPatchSize, vision.patchSize, vision.patchSize]
        )
        if hasPatchBias {
            add("visual.patch_embed.proj.bias", [width])
        }
        for index in 0..<vision.blockCount {
            let name = "visual.blocks.\(index)."
            norm(name + "norm1", width: width, bias: hasNormBias)
            norm(name + "norm2", width: width, bias: hasNormBias)
            linear(name + "attn.qkv", outputs: 3 * width, inputs: width)
            linear(name + "attn.proj", outputs: width, inputs: width)
        }
    }
}
