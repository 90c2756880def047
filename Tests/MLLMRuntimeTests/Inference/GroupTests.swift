import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Groups of prompts")
struct GroupTests {
    private static let sizes = [(61, 90), (120, 100), (33, 200), (190, 150), (77, 77), (140, 58), (90, 91)]

    private func bits(_ state: BranchState, _ model: LanguageVisionModel) -> [UInt32] {
        let tokens = [0, 15, 16, 17, 18, 19, 20, 300]
        return (state.hidden.values + model.logits(state, tokens: tokens) + [model.logSumExp(state)]).map(
            \.bitPattern
        )
    }

    private func states(
        _ model: LanguageVisionModel,
        _ shared: [PromptPart],
        _ branches: [[PromptPart]],
        _ cache: InferenceCache? = nil
    ) throws -> [[UInt32]] {
        try model.answerStates(
            PromptGroup(shared: shared, branches: branches),
            cache: cache,
            isCancelled: { false }
        )
        .states.branches.map { bits($0, model) }
    }

    @Test(
        "scores have the same bits alone, together, permuted, and with warm and cold caches",
        arguments: Fixture.models
    )
    func bitEquality(kind: String) throws {
        let model = try Fixture.model(kind)
        let images = try Self.sizes.enumerated().map { index, size in
            try model.prepare(Fixture.noise(size.0, size.1, seed: UInt64(index)))
        }
        let text = "Rate it 0-5: don't be kind. "
        // The texts differ in length, and some branches are much shorter than others.
        let shared: [PromptPart] = [.text(text), .image(images[0])]
        let branches: [[PromptPart]] = images.dropFirst().enumerated().map { index, image in
            [.image(image), .text(String(repeating: "Rating of the edit, ", count: index * index) + "now:")]
        }
        let alone = try branches.map { try states(model, shared, [$0])[0] }
        #expect(Set(alone).count == branches.count)
        #expect(try states(model, shared, branches) == alone)
        #expect(try states(model, shared, branches.reversed()) == alone.reversed())
        #expect(
            try states(model, shared, Array(branches.prefix(2)) + Array(branches.prefix(2))) == Array(
                alone.prefix(2)
            ) + Array(alone.prefix(2))
        )
        // Another split of the same prompts.
        #expect(try states(model, [], branches.map { shared + $0 }) == alone)
        #expect(try states(model, shared + branches[3], [[]]) == [alone[3]])

        let cache = InferenceCache()
        #expect(try states(model, shared, branches, cache) == alone)
        #expect(try states(model, shared, branches, cache) == alone)
        #expect(try states(model, shared, [branches[4]], cache) == [alone[4]])
        let tiny = InferenceCache(featureBytes: 3000, trunkBytes: 0)
        #expect(try states(model, shared, branches, tiny) == alone)
        #expect(try states(model, shared, branches.shuffled(), tiny).count == alone.count)
        #expect(tiny.byteCount <= 3000)
    }

    @Test(
        "groups have the same bits alone, beside others, and with warm and cold caches",
        arguments: Fixture.models
    )
    func packs(kind: String) throws {
        let model = try Fixture.model(kind)
        let images = try Self.sizes.enumerated().map { index, size in
            try model.prepare(Fixture.noise(size.0, size.1, seed: UInt64(index)))
        }
        // Trunks of three lengths and none; the first two groups begin alike, and images come back in other groups.
        let groups = [
            PromptGroup(shared: [.image(images[0])], branches: [[.image(images[1])], [.image(images[2])]]),
            PromptGroup(shared: [.image(images[0])], branches: [[.image(images[3]), .text("now")]]),
            PromptGroup(shared: [.text("Rate it."), .image(images[1])], branches: [[.image(images[0])]]),
            PromptGroup(shared: [], branches: [[.image(images[4])], [.text("no image")]]),
        ]
        let plans = try groups.map(model.plan)
        func run(_ plans: [PlannedGroup], _ cache: InferenceCache? = nil) throws -> [[[UInt32]]] {
            try model.answerStates(plans, cache: cache) { false }.groups.map { group in
                group.branches.map { bits($0, model) }
            }
        }
        let alone = try plans.map { try run([$0])[0] }
        #expect(alone.map(\.count) == [2, 1, 1, 2])
        #expect(try run(plans) == alone)
        #expect(try run(plans.reversed()) == alone.reversed())
        let cache = InferenceCache()
        #expect(try run([plans[1]], cache) == [alone[1]])
        #expect(try run(plans, cache) == alone)
        #expect(try run(plans, cache) == alone)
        #expect(try run([], cache).isEmpty)
    }

    @Test("what groups share runs once, and is counted for the first that needs it")
    func sharedWork() throws {
        let model = try Fixture.model("tied")
        let images = try (0..<3).map { try model.prepare(Fixture.noise(100, 80, seed: $0)) }
        let plans = try [1, 2].map { index in
            try model.plan(PromptGroup(shared: [.image(images[0])], branches: [[.image(images[index])]]))
        }
        let cold = try model.answerStates(plans + plans, cache: nil) { false }.groups
        #expect(cold.map(\.imagesEncoded) == [2, 1, 0, 0])
        #expect(cold.map(\.imagesCached) == [0, 1, 2, 2])
        let cache = InferenceCache()
        _ = try model.answerStates([plans[0]], cache: cache) { false }
        let warm = try model.answerStates(plans, cache: cache) { false }.groups
        #expect(warm.map(\.imagesEncoded) == [0, 1])
        #expect(warm.map(\.imagesCached) == [2, 1])
    }

    @Test("shared text that ends inside a word leaves the tokens as they are")
    func splitInsideWord() throws {
        let model = try Fixture.model("tied")
        let image = try model.prepare(Fixture.noise(90, 90, seed: 1))
        for (left, right) in [
            ("make the red cir", "cle blue"), ("the ", " image"), ("e", "\u{301}"), ("\n", "\n"),
            ("it'", "s"),
        ] {
            let whole = try states(model, [.image(image)], [[.text(left + right)]])
            #expect(try states(model, [.image(image), .text(left)], [[.text(right)]]) == whole)
            let both = try states(model, [.image(image), .text(left)], [[.text(right)], [.text("!")]])
            #expect(both[0] == whole[0])
        }
    }

    @Test("caches are used and counted")
    func counts() throws {
        let model = try Fixture.model("tied")
        let images = try (0..<3).map { try model.prepare(Fixture.noise(100, 80, seed: $0)) }
        let group = PromptGroup(
            shared: [.image(images[0])],
            branches: [[.image(images[1])], [.image(images[2])], [.image(images[1])]]
        )
        let cache = InferenceCache()
        let cold = try model.answerStates(group, cache: cache, isCancelled: { false }).states
        #expect(cold.imagesEncoded == 3 && cold.imagesCached == 0)
        #expect(cold.branches.allSatisfy { $0.cachedTokens == 0 })
        let warm = try model.answerStates(group, cache: cache, isCancelled: { false }).states
        #expect(warm.imagesEncoded == 0 && warm.imagesCached == 3)
        let openingTokens = model.builder.opening([.image(images[0])]).tokens.count
        #expect(warm.branches.allSatisfy { $0.cachedTokens >= openingTokens })
        #expect(cache.byteCount > 0)
        let unshared = try model.answerStates(group, cache: nil, isCancelled: { false }).states
        #expect(unshared.imagesEncoded == 3)
    }

    @Test("a prompt that does not fit the context is an error")
    func overflow() throws {
        let model = try Fixture.model("tied")
        let image = try model.prepare(Fixture.noise(90, 90, seed: 1))
        let long = PromptGroup(
            shared: [.image(image)],
            branches: [[.text(String(repeating: "5 ", count: 600))]]
        )
        let failure = #expect(throws: ModelError.self) {
            try model.answerStates(long, cache: nil, isCancelled: { false }).states
        }
        guard case .promptTooLong(_, 512) = failure else {
            Issue.record("got \(String(describing: failure))")
            return
        }
        let huge = try model.prepare(Fixture.noise(700, 700, seed: 2))
        #expect(throws: ModelError.tooManyImageTokens(tokens: huge.tokenCount, limit: 512)) {
            try model.answerStates(
                PromptGroup(shared: [.image(huge)], branches: [[]]),
                cache: nil,
                isCancelled: { false }
            )
        }
        #expect(throws: ModelError.emptyGroup) {
            try model.answerStates(
                PromptGroup(shared: [.image(image)], branches: []),
                cache: nil,
                isCancelled: { false }
            )
        }
        let other = try Fixture.model("untied").prepare(Fixture.noise(90, 90, seed: 1))
        #expect(throws: ModelError.foreignImage(patchLength: other.patches.patchLength, expected: 1176)) {
            try model.answerStates(
                PromptGroup(shared: [.image(other)], branches: [[]]),
                cache: nil,
                isCancelled: { false }
            )
        }
    }

    @Test("a cancelled run stops between layers")
    func cancellation() throws {
        let model = try Fixture.model("tied")
        let image = try model.prepare(Fixture.noise(90, 90, seed: 1))
        let group = PromptGroup(shared: [.image(image)], branches: [[.text("a")], [.text("b")]])
        for allowed in 0..<6 {
            var asked = 0
            #expect(throws: CancellationError.self) {
                try model.answerStates(group, cache: nil) {
                    asked += 1
                    return asked > allowed
                }
            }
            #expect(asked == allowed + 1)
        }
    }

    /// Hidden states of a whole prompt, and the number of tokens before its second image.
    private func rows(
        _ model: LanguageVisionModel,
        _ first: PreparedImage,
        _ second: PreparedImage
    ) throws -> (hidden: Tensor, opening: Int) {
        let prompt = model.builder.prompt([.image(first), .image(second)])
        let found = try model.tower.features(of: [first.patches, second.patches])
        let features = [first.contentHash: found[0], second.contentHash: found[1]]
        let length = prompt.tokens.count
        let embedded = model.embed([(prompt, 0..<length)], features)
        let hidden = try model.decoder.run(
            embedded.rows,
            positions: prompt.positions,
            deepstack: embedded.deepstack,
            branches: [.init(0..<length)],
            purpose: .allRows
        ).hidden
        return (try #require(hidden), model.builder.opening([.image(first)]).tokens.count)
    }

    @Test("a changed later image leaves earlier rows as they are", arguments: Fixture.models)
    func causality(kind: String) throws {
        let model = try Fixture.model(kind)
        let images = try (0..<3).map { try model.prepare(Fixture.noise(100, 80, seed: $0)) }
        let one = try rows(model, images[0], images[1])
        let other = try rows(model, images[0], images[2])
        let kept = 0..<one.opening
        #expect(one.hidden.rows(kept).values == other.hidden.rows(kept).values)
        #expect(one.hidden.values != other.hidden.values)
    }

    @Test("images in one call of the tower have the features that they have alone", arguments: Fixture.models)
    func towerAlone(kind: String) throws {
        let model = try Fixture.model(kind)
        let images = try [(61, 90), (120, 100), (33, 200)].enumerated().map { index, size in
            try model.prepare(Fixture.noise(size.0, size.1, seed: UInt64(index))).patches
        }
        let together = try model.tower.features(of: images)
        for (image, found) in zip(images, together) {
            let alone = try model.tower.features(of: [image])[0]
            #expect(found.rows.values == alone.rows.values)
            #expect(found.deepstack.map(\.values) == alone.deepstack.map(\.values))
            #expect(found.rows.rowCount == image.patchCount / model.tower.configuration.patchesPerCell)
        }
    }
}
