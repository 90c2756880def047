import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// Base weights that stay as they are stored, or compressed, against PyTorch.
///
/// References: scripts/fixtures/base_formats.py.
@Suite("Base weights")
struct BaseWeightTests {
    /// PyTorch's gradients as norms and signed sums.
    struct Reference {
        private struct Manifest: Decodable {
            let names: [String: [String]]
        }

        let names: [String]
        private let rows: Tensor

        init(_ key: String) throws {
            let root = try #require(Bundle.module.resourcePath) + "/Fixtures/base_formats"
            let data = try Data(contentsOf: URL(filePath: root + ".json"))
            names = try #require(try JSONDecoder().decode(Manifest.self, from: data).names[key])
            rows = try SafetensorsFile(path: root + ".safetensors").tensor(key)
        }

        /// How far a tensor's sums are from those of a row, over the row's norm.
        private func difference(_ tensor: Tensor, row: Int) -> Double {
            let expected = rows.rows(row..<(row + 1)).values.map(Double.init)
            var sums = [Double](repeating: 0, count: expected.count - 1)
            for (place, value) in tensor.values.enumerated() {
                let hash = UInt32(truncatingIfNeeded: place + 1) &* 2_654_435_761
                for index in sums.indices {
                    sums[index] += (hash >> (31 - UInt32(index))) & 1 == 0 ? Double(value) : -Double(value)
                }
            }
            let worst = zip(sums, expected.dropFirst()).map { abs($0 - $1) }.max() ?? .infinity
            return worst / max(expected[0], .leastNormalMagnitude)
        }

        func velocityDifference(_ velocity: Tensor) -> Double { difference(velocity, row: 0) }

        /// The worst parameter; one without a gradient must have none in PyTorch.
        func worst(_ gradients: Gradients) -> (name: String, difference: Double) {
            names.enumerated().map { index, name -> (name: String, difference: Double) in
                let row = index + 1
                guard let gradient = gradients[name] else {
                    return (name, rows.rows(row..<(row + 1)).values[0] == 0 ? 0 : .infinity)
                }
                return (name, difference(gradient, row: row))
            }.max { $0.difference < $1.difference } ?? ("none", .infinity)
        }
    }

    /// Velocity and gradients of one family's fixture with weights kept in some way.
    private func run(
        _ family: String,
        _ options: BaseWeightOptions,
        checkpointing: Int,
        trainsBase: Bool = false
    ) throws -> (velocity: Tensor, gradients: Gradients) {
        let tape = Tape(trainsBase: trainsBase)
        let (velocity, weight): (Variable, Tensor)
        let none = LoRAAdapter(configuration: LoRAConfiguration(), pairs: [:])
        if family == "flux" {
            let fixture = try FluxFixture("embedded")
            let transformer = try FluxTransformer(folder: fixture.folder + "/transformer", options: options)
            velocity = transformer.velocity(
                fixture.input,
                adapters: BatchAdapters(trainsBase ? none : try fixture.adapter()),
                tape: tape,
                checkpointing: checkpointing
            )
            weight = try fixture.tensors.tensor("output_gradient")
        } else {
            let fixture = try QwenImageFixture()
            let transformer = try QwenImageTransformer(
                folder: fixture.folder + "/transformer",
                options: options
            )
            velocity = transformer.velocity(
                try fixture.input(),
                adapters: BatchAdapters(trainsBase ? none : try fixture.adapter()),
                tape: tape,
                checkpointing: checkpointing
            )
            weight = try fixture.tensors.tensor("output_gradient")
        }
        return (velocity.value, tape.backward(from: velocity, gradient: weight))
    }

    @Test(
        "velocity and LoRA gradients equal PyTorch's with the dequantised weights",
        arguments: ["flux", "qwen"],
        [
            (BaseWeightFormat.float32, "f32"), (.stored, "f32"), (.bfloat16, "f32"), (.q8_0, "q8_0"),
            (.q4_0, "q4_0"),
        ]
    )
    func gradients(family: String, format: (BaseWeightFormat, String)) throws {
        let reference = try Reference("\(family).\(format.1)")
        let options = BaseWeightOptions(format: format.0)
        let plain = try run(family, options, checkpointing: 0)
        let again = try run(family, options, checkpointing: 1)
        #expect(reference.velocityDifference(plain.velocity) < 1e-4)
        let worst = reference.worst(plain.gradients)
        #expect(worst.difference < 1e-4, "\(worst.name)")
        #expect(plain.gradients.names == again.gradients.names)
        #expect(
            plain.gradients.names.allSatisfy { plain.gradients[$0]?.values == again.gradients[$0]?.values }
        )
        #expect(plain.velocity.values == again.velocity.values)
        if format.1 != "f32" {
            let exact = try Reference("\(family).f32")
            #expect(exact.worst(plain.gradients).difference > 1e-3, "nothing was compressed")
        }
    }

    @Test("weights as stored, and pages given back, leave every bit", arguments: ["flux", "qwen"])
    func storedBits(family: String) throws {
        let floats = try run(family, BaseWeightOptions(format: .float32), checkpointing: 0)
        for options in [
            BaseWeightOptions(), BaseWeightOptions(format: .stored), BaseWeightOptions(format: .bfloat16),
            BaseWeightOptions(format: .stored, isStreamed: true),
        ] {
            let found = try run(family, options, checkpointing: 0)
            #expect(found.velocity.values == floats.velocity.values, "\(options)")
            for name in floats.gradients.names {
                #expect(
                    found.gradients[name]?.values == floats.gradients[name]?.values,
                    "\(options), \(name)"
                )
            }
        }
    }

    @Test("gradients of all parameters equal PyTorch's", arguments: ["flux", "qwen"])
    func baseGradients(family: String) throws {
        let reference = try Reference("\(family).base")
        for checkpointing in [0, 1] {
            let found = try run(
                family,
                BaseWeightOptions(),
                checkpointing: checkpointing,
                trainsBase: true
            )
            let worst = reference.worst(found.gradients)
            #expect(worst.difference < 1e-4, "\(worst.name)")
        }
    }

    @Test(
        "bfloat16 products give velocity and gradients of float32 up to their rounding",
        .enabled(if: Precision.bfloat16.obstacle == nil),
        arguments: ["flux", "qwen"],
        [BaseWeightFormat.float32, .stored, .q4_0]
    )
    func bfloat16Products(family: String, format: BaseWeightFormat) throws {
        let exact = try run(family, BaseWeightOptions(format: format), checkpointing: 0)
        let options = BaseWeightOptions(format: format, precision: .bfloat16)
        let rounded = try run(family, options, checkpointing: 0)
        let again = try run(family, options, checkpointing: 1)
        // Eight bits of every factor are left; errors of the layers add up.
        #expect(relativeDifference(rounded.velocity, exact.velocity) < 0.05)
        #expect(rounded.velocity.values != exact.velocity.values)
        #expect(rounded.gradients.names == exact.gradients.names)
        let (square, error) = exact.gradients.names.reduce((0.0, 0.0)) { sums, name in
            let (right, left) = (exact.gradients[name]?.values ?? [], rounded.gradients[name]?.values ?? [])
            return zip(left, right).reduce(sums) { sums, pair in
                let difference = Double(pair.0 - pair.1)
                return (sums.0 + Double(pair.1) * Double(pair.1), sums.1 + difference * difference)
            }
        }
        #expect((error / square).squareRoot() < 0.05)
        #expect(
            rounded.gradients.names.allSatisfy {
                rounded.gradients[$0]?.values == again.gradients[$0]?.values
            }
        )
    }

    @Test("formats of a GGUF file are kept when asked, with the bits of their decoded numbers")
    func gguf() throws {
        let root = try #require(Bundle.module.resourcePath) + "/Fixtures/flux_original"
        let tensors = try SafetensorsFile(path: root + "/tensors.safetensors")
        let input = FluxInput(
            target: try tensors.tensor("target"),
            reference: try tensors.tensor("reference"),
            text: try tensors.tensor("text"),
            pooled: try tensors.tensor("pooled"),
            sigma: [0.4, 0.9],
            guidance: [2.5, 3.5],
            targetGrid: TokenGrid(rows: 2, columns: 3),
            referenceGrid: TokenGrid(rows: 3, columns: 2)
        )
        let files = try [BaseWeightFormat.float32, .stored].map {
            try FluxTransformer(
                folder: root + "/transformer",
                file: root + "/original.gguf",
                options: BaseWeightOptions(format: $0)
            )
        }
        let formats = files[1].linearLayers.reduce(into: Set<WeightFormat>()) { formats, layer in
            if case .stored(let stack) = layer.weight { formats.formUnion(stack.parts.map(\.format)) }
        }
        #expect(formats.isSuperset(of: [.q8_0, .q4_0]))
        let found = files.map { $0.velocity(input, adapter: nil).values }
        #expect(found[0] == found[1])
    }

    @Test("a weight with a NaN is refused by name in every format", arguments: BaseWeightFormat.allCases)
    func nonFinite(format: BaseWeightFormat) throws {
        let fixture = try FluxFixture("embedded")
        let source = fixture.folder + "/transformer"
        let file = try SafetensorsFile(path: source + "/diffusion_pytorch_model.safetensors")
        var tensors: [String: Tensor] = [:]
        for name in file.entries.keys {
            tensors[name] = try file.tensor(name)
        }
        let victim = "transformer_blocks.1.ff.net.2.weight"
        let shape = try #require(tensors[victim]?.shape)
        tensors[victim] = Tensor([Float](repeating: .nan, count: shape.reduce(1, *)), shape: shape)
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: source + "/config.json",
            toPath: folder.path + "/config.json"
        )
        try SafetensorsWriter.write(tensors, to: folder.path + "/diffusion_pytorch_model.safetensors")
        #expect(throws: WeightError.nonFinite(name: victim)) {
            try FluxTransformer(folder: folder.path, options: BaseWeightOptions(format: format))
        }
    }
}
