import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Deepstack levels in the decoder")
struct DeepstackTests {
    private let model: LanguageVisionModel
    private let prompt: Prompt
    private let features: [ContentHash: ImageFeatures]

    init() throws {
        let model = try Fixture.model("qwen3_vl/tied")
        let images = try (0..<2).map { try model.prepare(Fixture.noise(150, 90, seed: $0)) }
        let found = try model.tower.features(of: images.map(\.patches))
        features = Dictionary(uniqueKeysWithValues: zip(images.map(\.contentHash), found))
        prompt = model.builder.prompt(images.map { .image($0) } + [.text("Rate it.")])
        self.model = model
    }

    private func run(
        _ range: Range<Int>,
        behind trunk: TrunkState? = nil,
        _ purpose: LanguageDecoder.Purpose,
        _ features: [ContentHash: ImageFeatures]
    ) throws -> (hidden: Tensor?, trunks: [TrunkState]) {
        let embedded = model.embed([(prompt, range)], features)
        return try model.decoder.run(
            embedded.rows,
            positions: Array(prompt.positions[range]),
            deepstack: embedded.deepstack,
            branches: [.init(0..<range.count, behind: trunk)],
            purpose: purpose
        )
    }

    @Test("an image has as many levels as the model, of the size of its features")
    func levels() throws {
        for image in features.values {
            #expect(image.deepstack.count == 2)
            #expect(image.deepstack.allSatisfy { $0.shape == image.rows.shape })
            #expect(image.byteCount == 12 * image.rows.count)
        }
    }

    @Test("a prompt cut inside an image has the same bits, wherever it is cut")
    func cuts() throws {
        let length = prompt.tokens.count
        let whole = try #require(try run(0..<length, .allRows, features).hidden)
        let image = prompt.images[1].range
        for cut in [image.lowerBound, image.lowerBound + 1, image.upperBound - 1, image.upperBound, 3] {
            let trunk = try #require(try run(0..<cut, .trunk, features).trunks.first)
            let rest = try #require(try run(cut..<length, behind: trunk, .allRows, features).hidden)
            #expect(rest.values == whole.rows(cut..<length).values, "cut at \(cut)")
            let last = try #require(try run(cut..<length, behind: trunk, .lastRows, features).hidden)
            #expect(last.values == whole.rows(length - 1..<length).values, "cut at \(cut)")
        }
    }

    @Test("the last row alone has the same bits, image rows included")
    func lastRows() throws {
        // Two layers and two levels, so the last layer has a level too.
        let model = try Fixture.model("qwen3_vl/untied")
        let image = try model.prepare(Fixture.noise(150, 90, seed: 1))
        let found = try model.tower.features(of: [image.patches])[0]
        let prompt = model.builder.prompt([.image(image)])
        for end in [prompt.images[0].range.lowerBound + 2, prompt.images[0].range.upperBound + 1] {
            let embedded = model.embed([(prompt, 0..<end)], [image.contentHash: found])
            let results = try [LanguageDecoder.Purpose.allRows, .lastRows].map { purpose in
                try model.decoder.run(
                    embedded.rows,
                    positions: Array(prompt.positions.prefix(end)),
                    deepstack: embedded.deepstack,
                    branches: [.init(0..<end)],
                    purpose: purpose
                ).hidden
            }
            let (all, last) = (try #require(results[0]), try #require(results[1]))
            #expect(all.rows(end - 1..<end).values == last.values)
        }
    }

    @Test("levels of zeros change nothing, others change what follows the image")
    func zeros() throws {
        func scaled(_ factor: Float) -> [ContentHash: ImageFeatures] {
            features.mapValues { image in
                ImageFeatures(
                    rows: image.rows,
                    deepstack: image.deepstack.map { level in
                        Tensor(level.values.map { $0 * factor }, shape: level.shape)
                    }
                )
            }
        }
        let none = features.mapValues { ImageFeatures(rows: $0.rows, deepstack: []) }
        let all = 0..<prompt.tokens.count
        let plain = try #require(try run(all, .allRows, none).hidden)
        #expect(try run(all, .allRows, scaled(0)).hidden?.values == plain.values)
        let changed = try #require(try run(all, .allRows, scaled(1)).hidden)
        let first = prompt.images[0].range.lowerBound
        #expect(changed.rows(0..<first).values == plain.rows(0..<first).values)
        #expect(changed.rows(first..<all.upperBound).values != plain.rows(first..<all.upperBound).values)
    }

    @Test("a cache counts the bytes of all levels")
    func cacheBytes() throws {
        let cache = InferenceCache()
        for (identity, image) in features {
            cache.keep(image, for: identity)
        }
        #expect(cache.byteCount == features.values.reduce(0) { $0 + $1.byteCount })
    }
}
