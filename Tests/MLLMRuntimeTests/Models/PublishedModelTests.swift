import Imaging
import Testing

@testable import MLLMRuntime

@Suite("The published models by their configurations alone")
struct PublishedModelTests {
    /// Of a 16-bit checkpoint, with the areas of the published preprocessor_config.json.
    private func costs(_ model: PublishedModel) throws -> ModelCosts {
        let configuration = try model.configuration()
        let areas: [String: Any] =
            model.family == .qwen3VL ? [:] : ["min_pixels": 3136, "max_pixels": 12_845_056]
        let processor = try ImageProcessor(
            JSONFields(path: model.name, fields: areas),
            vision: configuration.vision,
            defaults: type(of: configuration).imageDefaults
        )
        return ModelCosts(
            configuration,
            processor: processor,
            weightByteCount: 2 * model.parameters,
            precision: .bfloat16
        )
    }

    @Test("shapes add up to the published totals", arguments: PublishedModel.all)
    func totals(model: PublishedModel) throws {
        let configuration = try model.configuration()
        func sum(_ shapes: [String: [Int]]) -> Int { shapes.values.reduce(0) { $0 + $1.reduce(1, *) } }
        let head =
            model.isTied ? [:] : ["head": [configuration.text.vocabularySize, configuration.text.hiddenSize]]
        #expect(sum(configuration.shapes) + sum(head) == model.parameters)
        #expect(sum(configuration.visionShapes) == model.visionParameters)
        #expect(configuration.shapes.count + head.count == model.tensors)
        #expect(configuration.tokens.tiesEmbeddings == model.isTied)
    }

    @Test("a pair of 512 × 512 images takes the reckoned arithmetic", arguments: PublishedModel.all)
    func operations(model: PublishedModel) throws {
        let found = try costs(model).operations(candidates: 1)
        let units = [found.vision, found.prefill, found.total].map { ($0 / 1e10).rounded() / 100 }
        #expect(units == model.operations)
    }

    @Test("a group of twelve takes 1.5 GiB beside the weights", arguments: PublishedModel.all)
    func memory(model: PublishedModel) throws {
        let costs = try costs(model)
        let (pair, group) = (try costs.memory(candidates: 1), try costs.memory(candidates: 12))
        #expect(pair.weightByteCount == 2 * model.parameters)
        let limit = 3 << 29
        #expect(pair.totalByteCount < group.totalByteCount)
        #expect(group.cacheByteCount + group.activationByteCount < limit, "\(group)")
        #expect(pair.cacheByteCount + pair.activationByteCount > 200 << 20)
    }

    @Test("axes of frequencies are dealt as published", arguments: [ModelFamily.qwen25VL, .qwen3VL])
    func axes(family: ModelFamily) throws {
        let model = try #require(PublishedModel.all.first { $0.family == family })
        let text = try model.configuration().text
        let letters = (0..<64).map { frequency in
            switch text.axis(of: frequency) {
            case .time: "T"
            case .row: "H"
            case .column: "W"
            }
        }
        let expected =
            family == .qwen3VL
            ? String(repeating: "THW", count: 20) + "TTTT"
            : String(repeating: "T", count: 16) + String(repeating: "H", count: 24)
                + String(repeating: "W", count: 24)
        #expect(letters.joined() == expected)
    }

    @Test("a published 512 × 512 image has the published cells")
    func cells() throws {
        for (name, count) in [("Qwen2.5-VL-3B", 324), ("Qwen3-VL-8B", 256)] {
            let model = try #require(PublishedModel.all.first { $0.name == name })
            let costs = try costs(model)
            let plan = try costs.processor.plan(width: 512, height: 512)
            let side = costs.vision.patchSize * costs.vision.mergeSize
            #expect(plan.width / side * (plan.height / side) == count)
        }
    }
}
