import Shared

extension Qwen3VLConfiguration {
    var visionShapes: [String: [Int]] {
        var shapes = TensorShapes()
        shapes.tower(vision, hasPatchBias: true, hasNormBias: true)
        shapes.add("visual.pos_embed.weight", [positionSide * positionSide, vision.hiddenSize])
        for index in 0..<vision.blockCount {
            let name = "visual.blocks.\(index).mlp."
            shapes.linear(name + "linear_fc1", outputs: vision.intermediateSize, inputs: vision.hiddenSize)
            shapes.linear(name + "linear_fc2", outputs: vision.hiddenSize, inputs: vision.intermediateSize)
        }
        func merger(_ name: String, normWidth: Int) {
            shapes.norm(name + ".norm", width: normWidth, bias: true)
            shapes.linear(name + ".linear_fc1", outputs: vision.cellWidth, inputs: vision.cellWidth)
            shapes.linear(name + ".linear_fc2", outputs: vision.outputSize, inputs: vision.cellWidth)
        }
        merger("visual.merger", normWidth: vision.hiddenSize)
        for level in deepstackBlocks.indices {
            merger("visual.deepstack_merger_list.\(level)", normWidth: vision.cellWidth)
        }
        return shapes.shapes
    }

    func tower(_ source: TensorSource) throws -> any VisionTower {
        Qwen3VLVisionTower(
            configuration: vision,
            patchEmbedding: try source.patchEmbedding(vision, hasBias: true),
            positions: Qwen3VLPositions(
                table: try source.tensor("visual.pos_embed.weight"),
                side: positionSide
            ),
            blocks: try (0..<vision.blockCount).map { index in
                let name = "visual.blocks.\(index)."
                return VisionBlock(
                    firstNorm: try source.layerNorm(name + "norm1"),
                    queriesKeysValues: try source.linear(name + "attn.qkv"),
                    projection: try source.linear(name + "attn.proj"),
                    secondNorm: try source.layerNorm(name + "norm2"),
                    mlp: PlainMLP(
                        first: try source.linear(name + "mlp.linear_fc1"),
                        second: try source.linear(name + "mlp.linear_fc2"),
                        activation: .geluTanh
                    )
                )
            },
            merger: try Self.merger("visual.merger", normedRow: .patch, source),
            deepstackBlocks: deepstackBlocks,
            deepstackMergers: try deepstackBlocks.indices.map {
                try Self.merger("visual.deepstack_merger_list.\($0)", normedRow: .cell, source)
            }
        )
    }

    private static func merger(
        _ name: String,
        normedRow: PatchMerger.NormedRow,
        _ source: TensorSource
    ) throws -> PatchMerger {
        PatchMerger(
            norm: try source.layerNorm(name + ".norm"),
            normedRow: normedRow,
            first: try source.linear(name + ".linear_fc1"),
            second: try source.linear(name + ".linear_fc2")
        )
    }
}
