internal import Imaging
internal import Shared

extension LanguageVisionModel {
    /// Patches that go through the vision tower at a time, unless one image has more.
    static let patchesAtATime = 4096
    /// Rows of branches that go through the decoder at a time, unless one branch has more.
    static let rowsAtATime = 4096

    /// Runs the prompts of a group up to where their answers begin.
    ///
    /// What all prompts begin with runs once, as a trunk; the rest of all prompts runs as one batch of rows,
    /// each branch seeing the trunk and itself. The split is made on token rows, so it never changes a
    /// prompt's tokens. A branch's result has the same bits alone, in a group of any order, and with a warm
    /// or a cold cache.
    ///
    /// - Parameters:
    ///   - group: The prompts.
    ///   - cache: Where features and trunks are looked for and kept.
    ///   - isCancelled: Asked between blocks and layers.
    /// - Returns: A state for every branch in order, the time that stages took, how many different images
    ///   went through the vision tower, and how many did not need to.
    /// - Throws: ``ModelError`` for a prompt that does not fit; `CancellationError`.
    public func answerStates(
        _ group: PromptGroup,
        cache: InferenceCache?,
        isCancelled: () -> Bool
    ) throws -> (branches: [BranchState], timings: StageTimings, imagesEncoded: Int, imagesCached: Int) {
        guard !group.branches.isEmpty else { throw ModelError.emptyGroup }
        let prompts = group.branches.map { builder.prompt(group.shared + $0) }
        try prompts.forEach(check)
        let trunkLength = trunkLength(of: prompts, sharing: group.shared)
        let identity = ContentHash(
            information.fingerprint.hexadecimal + prompts[0].identity(ofFirst: trunkLength).hexadecimal
        )
        let known = trunkLength > 0 ? cache?.trunk(identity) : nil
        var timings = StageTimings()
        let clock = ContinuousClock()

        var start = clock.now
        let seen = known == nil ? 0 : trunkLength
        let features = try encode(imagesOf: prompts, from: seen, cache: cache, isCancelled: isCancelled)
        timings.vision = clock.now - start

        start = clock.now
        var trunk = known
        if trunk == nil, trunkLength > 0 {
            let embedded = embed([(prompts[0], 0..<trunkLength)], features.images)
            trunk = try decoder.run(
                embedded.rows,
                positions: Array(prompts[0].positions.prefix(trunkLength)),
                deepstack: embedded.deepstack,
                branches: [0..<trunkLength],
                trunk: nil,
                purpose: .trunk,
                isCancelled: isCancelled
            ).trunk
            if let trunk {
                cache?.keep(trunk, for: identity)
            }
        }
        let hidden = try run(
            prompts,
            behind: trunk,
            of: trunkLength,
            features.images,
            isCancelled: isCancelled
        )
        timings.prefill = clock.now - start
        let branches = prompts.enumerated().map { index, prompt in
            BranchState(
                hidden: hidden.rows(index..<index + 1).reshaped([information.hiddenSize]),
                promptTokens: prompt.tokens.count,
                cachedTokens: seen,
                imageTokens: prompt.imageTokenCount
            )
        }
        return (branches, timings, features.encoded, features.cached)
    }

    /// Tokens that all prompts begin with, as far as they come from the parts that the group shares.
    func trunkLength(of prompts: [Prompt], sharing parts: [PromptPart]) -> Int {
        let opening = builder.opening(parts)
        return prompts.map { min(opening.commonPrefix(with: $0), $0.tokens.count - 1) }.min() ?? 0
    }

    func check(_ prompt: Prompt) throws(ModelError) {
        let limit = information.contextLength
        for placed in prompt.images where placed.image.patches.patchLength != tower.configuration.patchLength
        {
            throw .foreignImage(
                patchLength: placed.image.patches.patchLength,
                expected: tower.configuration.patchLength
            )
        }
        if prompt.imageTokenCount > limit {
            throw .tooManyImageTokens(tokens: prompt.imageTokenCount, limit: limit)
        }
        if prompt.tokens.count > limit {
            throw .promptTooLong(tokens: prompt.tokens.count, limit: limit)
        }
    }

    /// Features of all images that have a token at `from` or later.
    func encode(
        imagesOf prompts: [Prompt],
        from: Int,
        cache: InferenceCache?,
        isCancelled: () -> Bool
    ) throws -> (images: [ContentHash: ImageFeatures], encoded: Int, cached: Int) {
        var images: [ContentHash: ImageFeatures] = [:]
        var all: Set<ContentHash> = []
        var waiting: [PreparedImage] = []
        for placed in prompts.flatMap(\.images) where all.insert(placed.image.contentHash).inserted {
            let isNeeded = prompts.contains { prompt in
                prompt.images.contains {
                    $0.image.contentHash == placed.image.contentHash && $0.range.upperBound > from
                }
            }
            guard isNeeded else { continue }
            if let known = cache?.features(of: placed.image.contentHash) {
                images[placed.image.contentHash] = known
            } else {
                waiting.append(placed.image)
            }
        }
        var next = 0
        while next < waiting.count {
            var pack = [waiting[next]]
            var patchCount = waiting[next].patches.patchCount
            next += 1
            while next < waiting.count, patchCount + waiting[next].patches.patchCount <= Self.patchesAtATime {
                patchCount += waiting[next].patches.patchCount
                pack.append(waiting[next])
                next += 1
            }
            let features = try tower.features(of: pack.map(\.patches), isCancelled: isCancelled)
            for (image, found) in zip(pack, features) {
                images[image.contentHash] = found
                cache?.keep(found, for: image.contentHash)
            }
        }
        return (images, waiting.count, all.count - waiting.count)
    }

    /// Hidden states at the last token of every prompt, `[prompts, hiddenSize]`.
    private func run(
        _ prompts: [Prompt],
        behind trunk: TrunkState?,
        of trunkLength: Int,
        _ features: [ContentHash: ImageFeatures],
        isCancelled: () -> Bool
    ) throws -> Tensor {
        var parts: [Tensor] = []
        var next = 0
        while next < prompts.count {
            var pack: [(Prompt, Range<Int>)] = []
            var branches: [Range<Int>] = []
            var rowCount = 0
            repeat {
                let range = trunkLength..<prompts[next].tokens.count
                pack.append((prompts[next], range))
                branches.append(rowCount..<rowCount + range.count)
                rowCount += range.count
                next += 1
            } while next < prompts.count
                && rowCount + prompts[next].tokens.count - trunkLength <= Self.rowsAtATime
            let embedded = embed(pack, features)
            let result = try decoder.run(
                embedded.rows,
                positions: pack.flatMap { $0.0.positions[$0.1] },
                deepstack: embedded.deepstack,
                branches: branches,
                trunk: trunk,
                purpose: .lastRows,
                isCancelled: isCancelled
            )
            parts += result.hidden.map { [$0] } ?? []
        }
        return Tensor.concatenatingRows(parts)
    }

    /// Embedded tokens of ranges of prompts, image tokens replaced by features, `[rows, hiddenSize]`, and what
    /// those images add to the first layers.
    func embed(
        _ parts: [(prompt: Prompt, range: Range<Int>)],
        _ features: [ContentHash: ImageFeatures]
    ) -> (rows: Tensor, deepstack: DeepstackRows) {
        var rows: [Tensor] = []
        var deepstack = DeepstackRows()
        var start = 0
        for (prompt, range) in parts {
            var next = range.lowerBound
            for placed in prompt.images {
                let inside = placed.range.clamped(to: range)
                guard !inside.isEmpty, let feature = features[placed.image.contentHash] else { continue }
                rows.append(decoder.embedding.gatheringRows(Array(prompt.tokens[next..<inside.lowerBound])))
                let first = placed.range.lowerBound
                let own = inside.lowerBound - first..<inside.upperBound - first
                rows.append(feature.rows.rows(own))
                deepstack.runs.append(
                    .init(row: start + inside.lowerBound - range.lowerBound, range: own, features: feature)
                )
                next = inside.upperBound
            }
            rows.append(decoder.embedding.gatheringRows(Array(prompt.tokens[next..<range.upperBound])))
            start += range.count
        }
        return (Tensor.concatenatingRows(rows), deepstack)
    }
}
