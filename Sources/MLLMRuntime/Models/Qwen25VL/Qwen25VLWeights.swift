import Shared

extension Qwen25VLConfiguration {
    var visionShapes: [String: [Int]] {
        var shapes = TensorShapes()
        shapes.tower(vision, hasPatchBias: false, hasNormBias: false)
        let (width, wide) = (vision.hiddenSize, vision.intermediateSize)
        for index in 0..<vision.blockCount {
            let name = "visual.blocks.\(index).mlp."
            shapes.linear(name + "gate_proj", outputs: wide, inputs: width)
            shapes.linear(name + "up_proj", outputs: wide, inputs: width)
            shapes.linear(name + "down_proj", outputs: width, inputs: wide)
        }
        shapes.norm("visual.merger.ln_q", width: width, bias: false)
        shapes.linear("visual.merger.mlp.0", outputs: vision.cellWidth, inputs: vision.cellWidth)
        shapes.linear("visual.merger.mlp.2", outputs: vision.outputSize, inputs: vision.cellWidth)
        return shapes.shapes
    }

    func tower(_ source: TensorSource) throws -> any VisionTower {
        Qwen25VLVisionTower(
            configuration: vision,
            windowCells: windowCells,
            fullAttentionBlocks: fullAttentionBlocks,
            patchEmbedding: try source.patchEmbedding(vision, hasBias: false),
            blocks: try (0..<vision.blockCount).map { index in
                let name = "visual.blocks.\(index)."
                return VisionBlock(
                    firstNorm: try Self.norm(name + "norm1", source),
                    queriesKeysValues: try source.linear(name + "attn.qkv"),
                    projection: try source.linear(name + "attn.proj"),
                    secondNorm: try Self.norm(name + "norm2", source),
                    mlp: GatedMLP(
                        gate: try source.linear(name + "mlp.gate_proj"),
                        up: try source.linear(name + "mlp.up_proj"),
                        down: try source.linear(name + "mlp.down_proj")
                    )
                )
            },
            merger: PatchMerger(
                norm: try Self.norm("visual.merger.ln_q", source),
                normedRow: .patch,
                first: try source.linear("visual.merger.mlp.0"),
                second: try source.linear("visual.merger.mlp.2")
            )
        )
    }

    private static func norm(_ name: String, _ source: TensorSource) throws -> RowNorm {
        .rootMeanSquare(
            weight: try source.tensor(name + ".weight"),
            epsilon: VisionConfiguration.normEpsilon
        )
    }
}
