import Shared

extension Qwen2VLConfiguration {
    var visionShapes: [String: [Int]] {
        var shapes = TensorShapes()
        shapes.tower(vision, hasPatchBias: false, hasNormBias: true)
        for index in 0..<vision.blockCount {
            let name = "visual.blocks.\(index).mlp."
            shapes.linear(name + "fc1", outputs: vision.intermediateSize, inputs: vision.hiddenSize)
            shapes.linear(name + "fc2", outputs: vision.hiddenSize, inputs: vision.intermediateSize)
        }
        shapes.norm("visual.merger.ln_q", width: vision.hiddenSize, bias: true)
        shapes.linear("visual.merger.mlp.0", outputs: vision.cellWidth, inputs: vision.cellWidth)
        shapes.linear("visual.merger.mlp.2", outputs: vision.outputSize, inputs: vision.cellWidth)
        return shapes.shapes
    }

    func tower(_ source: TensorSource) throws -> any VisionTower {
        Qwen2VLVisionTower(
            configuration: vision,
            patchEmbedding: try source.patchEmbedding(vision, hasBias: false),
            blocks: try (0..<vision.blockCount).map { index in
                let name = "visual.blocks.\(index)."
                return VisionBlock(
                    firstNorm: try source.layerNorm(name + "norm1"),
                    queriesKeysValues: try source.linear(name + "attn.qkv"),
                    projection: try source.linear(name + "attn.proj"),
                    secondNorm: try source.layerNorm(name + "norm2"),
                    mlp: PlainMLP(
                        first: try source.linear(name + "mlp.fc1"),
                        second: try source.linear(name + "mlp.fc2"),
                        activation: .quickGELU
                    )
                )
            },
            merger: PatchMerger(
                norm: try source.layerNorm("visual.merger.ln_q"),
                normedRow: .patch,
                first: try source.linear("visual.merger.mlp.0"),
                second: try source.linear("visual.merger.mlp.2")
            )
        )
    }
}
