import Foundation
import Shared
import Testing

@testable import PolicyTrainer

/// Against diffusers 0.42.1 and peft 0.21.2; see Fixtures/qwen_image.json.
@Suite struct QwenImageTransformerTests {
    @Test("the streams behind every block and the velocity equal diffusers', padding masked")
    func velocity() throws {
        let fixture = try QwenImageFixture()
        let input = try fixture.input()
        var errors: [Float] = []
        let found = try fixture.transformer().velocity(input, adapter: nil) { block, text, image in
            // Padding's own states reach nothing, and are not those of diffusers.
            let pieces = zip(fixture.manifest.lengths.indices, fixture.manifest.lengths).map {
                sample,
                length in
                let start = sample * input.text.shape[1]
                return (text.rows(start..<start + length), start..<start + length)
            }
            let expected = try? fixture.tensors.tensor("block.\(block).text")
            errors += pieces.map { relativeDifference($0.0, expected?.rows($0.1) ?? Tensor(zeros: [0])) }
            let images = try? fixture.tensors.tensor("block.\(block).image")
            errors.append(relativeDifference(image, images ?? Tensor(zeros: [0])))
        }
        #expect(errors.count == 6 && errors.allSatisfy { $0 < 1e-4 }, "\(errors)")
        #expect(try fixture.error(found, "base") < 1e-4)
    }

    @Test("the velocity with an adapter equals peft's, merged or not")
    func adapted() throws {
        let fixture = try QwenImageFixture()
        let (transformer, adapter, input) = (
            try fixture.transformer(), try fixture.adapter(), try fixture.input()
        )
        let found = transformer.velocity(input, adapter: adapter)
        #expect(try fixture.error(found, "adapted") < 1e-4)
        #expect(relativeDifference(transformer.merging(adapter).velocity(input, adapter: nil), found) < 1e-5)
        #expect(try fixture.error(found, "base") > 0.05)
    }

    @Test("gradients of every LoRA matrix equal PyTorch's, with the same bits when blocks run twice")
    func gradients() throws {
        let fixture = try QwenImageFixture()
        let (transformer, adapter, input) = (
            try fixture.transformer(), try fixture.adapter(), try fixture.input()
        )
        let weight = try fixture.tensors.tensor("output_gradient")
        let runs = [0, 1, 2].map { checkpointing in
            let tape = Tape()
            let velocity = transformer.velocity(
                input,
                adapters: BatchAdapters(adapter),
                tape: tape,
                checkpointing: checkpointing
            )
            return (velocity.value, tape.backward(from: velocity, gradient: weight))
        }
        let expectedNames = fixture.tensors.entries.keys.filter { $0.hasPrefix("gradient.") }.sorted()
        #expect(expectedNames == adapter.parameters().map { "gradient." + $0.name }.sorted())
        var unused: [String] = []
        for (name, _) in adapter.parameters() {
            let expected = try fixture.tensors.tensor("gradient." + name)
            if expected.values.allSatisfy({ $0 == 0 }) { unused.append(name) }
            guard let found = runs[0].1[name] else {
                #expect(expected.values.allSatisfy { $0 == 0 }, "\(name) has no gradient")
                continue
            }
            #expect(relativeDifference(found, expected) < 1e-4, "\(name)")
            #expect(runs[1].1[name]?.values == found.values, "\(name) differs with checkpointing")
            #expect(runs[2].1[name]?.values == found.values, "\(name) differs with two blocks together")
        }
        // The last block's text goes nowhere.
        #expect(unused.contains { $0.hasPrefix("transformer_blocks.1.attn.to_add_out") })
        #expect(unused.allSatisfy { $0.hasPrefix("transformer_blocks.1.attn.") })
        #expect(runs[0].0.values == runs[1].0.values)
    }

    @Test("a padded sample is the sample alone up to rounding, whatever the padding holds")
    func padding() throws {
        let fixture = try QwenImageFixture()
        let (transformer, input) = (try fixture.transformer(), try fixture.input())
        let together = transformer.velocity(input, adapter: nil)
        func sample(_ tensor: Tensor, _ index: Int) -> Tensor {
            let rows = tensor.rowCount / tensor.shape[0]
            return tensor.rows((index * rows)..<((index + 1) * rows)).reshaped([1] + tensor.shape.dropFirst())
        }
        let length = fixture.manifest.lengths[1]
        var alone = input
        alone.target = sample(input.target, 1)
        alone.references = sample(input.references, 1)
        let states = sample(input.text, 1)
        alone.text = states.rows(0..<length).reshaped([1, length, states.columnCount])
        alone.textLengths = [length]
        alone.sigma = [input.sigma[1]]
        #expect(relativeDifference(transformer.velocity(alone, adapter: nil), sample(together, 1)) < 1e-5)
        var changed = input
        changed.text = Tensor(
            input.text.values.enumerated().map { index, value in
                let (sample, token) = (
                    index / states.count, index / states.columnCount % states.shape[1]
                )
                return token < fixture.manifest.lengths[sample] ? value : 100
            },
            shape: input.text.shape
        )
        #expect(transformer.velocity(changed, adapter: nil).values == together.values)
        changed = input
        changed.textLengths = [7, 7]
        let attended = transformer.velocity(changed, adapter: nil)
        #expect(relativeDifference(attended, together) > 1e-3)
    }

    @Test("the order of text tokens and of references matters, as their positions differ")
    func order() throws {
        let fixture = try QwenImageFixture()
        let (transformer, input) = (try fixture.transformer(), try fixture.input())
        let base = transformer.velocity(input, adapter: nil)
        var changed = input
        let rows = [1, 0] + (2..<7) + (7..<14)
        changed.text = input.text.gatheringRows(Array(rows)).reshaped(input.text.shape)
        #expect(relativeDifference(transformer.velocity(changed, adapter: nil), base) > 1e-3)
        changed = input
        changed.referenceGrids = [TokenGrid(rows: 5, columns: 2), TokenGrid(rows: 3, columns: 5)]
        #expect(relativeDifference(transformer.velocity(changed, adapter: nil), base) > 1e-3)
    }

    @Test("positions are centred, rounded up above, and text follows the largest image on all axes")
    func positions() throws {
        let fixture = try QwenImageFixture()
        let all = QwenImagePositions.all(grids: fixture.grids, textTokens: 3)
        #expect(all.prefix(3) == [[2, 2, 2], [3, 3, 3], [4, 4, 4]])
        // 3 rows by 4 columns, then 2 by 5, then 5 by 3.
        #expect(all[3] == [0, -2, -2] && all[14] == [0, 0, 1])
        #expect(all[15] == [1, -1, -3] && all[24] == [1, 0, 1])
        #expect(all[25] == [2, -3, -2] && all[39] == [2, 1, 0])
        let table = RotaryAxes(dimensions: [4, 6, 6], theta: 10_000).singlePrecisionTable(all)
        let expected = try fixture.tensors.tensor("rope")
        #expect(relativeDifference(table.cosine, Tensor(expected.values.map { cos($0) })) < 1e-6)
        #expect(relativeDifference(table.sine, Tensor(expected.values.map { sin($0) })) < 1e-6)
    }

    @Test("the published targets give eight pairs a block")
    func targets() throws {
        let transformer = try QwenImageFixture().transformer()
        let targets = transformer.loraTargets(suffixes: LoRAConfiguration.publishedTargets)
        #expect(targets.count == 2 * 8)
        #expect(targets.allSatisfy { $0.inputs == 32 && $0.outputs == 32 })
    }

    @Test(
        "a switch of a later release, or a size that makes no sense, is refused by name",
        arguments: [
            ("zero_cond_t", "true"), ("use_additional_t_cond", "true"), ("use_layer3d_rope", "true"),
            ("guidance_embeds", "true"), ("axes_dims_rope", "[2, 2, 6]"), ("num_layers", "0"),
            ("out_channels", "8"), ("_class_name", "\"FluxTransformer2DModel\""),
        ]
    )
    func refusals(key: String, value: String) throws {
        let path = NSTemporaryDirectory() + "qwen-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{\"\(key)\": \(value)}".utf8).write(to: URL(filePath: path))
        #expect {
            try QwenImageConfiguration(path: path)
        } throws: {
            key == "_class_name" ? "\($0)".contains("FluxTransformer2DModel") : "\($0)".contains(key)
        }
    }

    @Test("the defaults are those of the published model")
    func defaults() throws {
        let path = NSTemporaryDirectory() + "qwen-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{}".utf8).write(to: URL(filePath: path))
        let configuration = try QwenImageConfiguration(path: path)
        #expect(configuration.blockCount == 60 && configuration.width == 3072)
        #expect(configuration.inputChannels == 64 && configuration.outputChannels == 64)
        #expect(configuration.jointDimension == 3584)
    }
}
