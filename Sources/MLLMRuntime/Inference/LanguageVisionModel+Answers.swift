import Imaging
import Shared

extension LanguageVisionModel {
    /// Rows of branches that go through the decoder at a time, unless one branch has more.
    static let rowsAtATime = 4096

    /// Tokenises the prompts of a group and finds what they share.
    ///
    /// - Parameter group: The prompts.
    /// - Returns: The group, for ``answerStates(_:cache:isCancelled:)-([PlannedGroup],_,_)``.
    /// - Throws: ``ModelError`` for a group without branches and for a prompt that does not fit.
    package func plan(_ group: PromptGroup) throws(ModelError) -> PlannedGroup {
        guard !group.branches.isEmpty else { throw .emptyGroup }
        let prompts = group.branches.map { builder.prompt(group.shared + $0) }
        for prompt in prompts {
            try check(prompt)
        }
        let trunkLength = trunkLength(of: prompts, sharing: group.shared)
        return PlannedGroup(
            prompts: prompts,
            trunkLength: trunkLength,
            trunkIdentity: ContentHash(
                information.fingerprint.hexadecimal + prompts[0].identity(ofFirst: trunkLength).hexadecimal
            )
        )
    }

    /// Runs the prompts of one group; see ``answerStates(_:cache:isCancelled:)-([PlannedGroup],_,_)``.
    ///
    /// - Parameters:
    ///   - group: The prompts.
    ///   - cache: Where features and trunks are looked for and kept.
    ///   - isCancelled: Asked between blocks and layers.
    /// - Returns: The group's states, and the time that stages took.
    /// - Throws: What ``plan(_:)`` throws; `CancellationError`.
    package func answerStates(
        _ group: PromptGroup,
        cache: InferenceCache?,
        isCancelled: () -> Bool
    ) throws -> (states: GroupStates, timings: StageTimings) {
        let (states, timings) = try answerStates([plan(group)], cache: cache, isCancelled: isCancelled)
        return (states[0], timings)
    }

    /// Runs the prompts of groups up to where their answers begin, all in one forward pass.
    ///
    /// What all prompts of a group begin with runs once, as a trunk; the rest of all prompts runs as one batch
    /// of rows, each branch seeing its trunk and itself. The split is made on token rows, so it never changes
    /// a prompt's tokens. A branch's result has the same bits alone, in a group of any order, beside any other
    /// groups, and with a warm or a cold cache.
    ///
    /// - Parameters:
    ///   - groups: From this model; images and trunks that several of them have run once.
    ///   - cache: Where features and trunks are looked for and kept.
    ///   - isCancelled: Asked between blocks and layers.
    /// - Returns: The states of every group, in order, and the time that stages took for all of them.
    /// - Throws: `CancellationError`.
    package func answerStates(
        _ groups: [PlannedGroup],
        cache: InferenceCache?,
        isCancelled: () -> Bool
    ) throws -> (groups: [GroupStates], timings: StageTimings) {
        var timings = StageTimings()
        let clock = ContinuousClock()
        var start = clock.now
        var trunks: [ContentHash: TrunkState] = [:]
        for group in groups where group.trunkLength > 0 && trunks[group.trunkIdentity] == nil {
            trunks[group.trunkIdentity] = cache?.trunk(group.trunkIdentity)
        }
        let seen = groups.map { trunks[$0.trunkIdentity] == nil ? 0 : $0.trunkLength }
        let features = try encode(
            imagesOf: groups.map(\.prompts),
            from: seen,
            cache: cache,
            isCancelled: isCancelled
        )
        timings.vision = clock.now - start

        start = clock.now
        let missing = groups.filter { $0.trunkLength > 0 && trunks[$0.trunkIdentity] == nil }
        let found = try runTrunks(of: missing, features.images, isCancelled: isCancelled)
        for (identity, trunk) in found {
            cache?.keep(trunk, for: identity)
        }
        trunks.merge(found) { known, _ in known }
        let hidden = try run(
            groups.flatMap { group in
                group.prompts.map { Branch($0, of: group, behind: trunks[group.trunkIdentity]) }
            },
            features.images,
            isCancelled: isCancelled
        )
        timings.prefill = clock.now - start

        var row = 0
        let states = groups.enumerated().map { index, group in
            let branches = group.prompts.map { prompt in
                defer { row += 1 }
                return BranchState(
                    hidden: hidden.rows(row..<row + 1).reshaped([information.hiddenSize]),
                    promptTokens: prompt.tokens.count,
                    cachedTokens: seen[index],
                    imageTokens: prompt.imageTokenCount
                )
            }
            let counts = features.counts[index]
            return GroupStates(
                branches: branches,
                imagesEncoded: counts.encoded,
                imagesCached: counts.cached
            )
        }
        return (states, timings)
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

    /// The rest of a prompt behind its trunk.
    private struct Branch {
        let prompt: Prompt
        let range: Range<Int>
        let trunk: TrunkState?

        init(_ prompt: Prompt, of group: PlannedGroup, behind trunk: TrunkState?) {
            self.prompt = prompt
            range = group.trunkLength..<prompt.tokens.count
            self.trunk = trunk
        }
    }

    /// Keys and values of what groups begin with; of groups that begin alike, once.
    private func runTrunks(
        of groups: [PlannedGroup],
        _ features: [ContentHash: ImageFeatures],
        isCancelled: () -> Bool
    ) throws -> [ContentHash: TrunkState] {
        var identities: Set<ContentHash> = []
        let different = groups.filter { identities.insert($0.trunkIdentity).inserted }
        var trunks: [ContentHash: TrunkState] = [:]
        for pack in Self.packs(different.map(\.trunkLength), limit: Self.rowsAtATime) {
            let parts = different[pack].map { (prompt: $0.prompts[0], range: 0..<$0.trunkLength) }
            let result = try run(
                parts,
                trunks: parts.map { _ in nil },
                purpose: .trunk,
                features,
                isCancelled: isCancelled
            )
            for (group, trunk) in zip(different[pack], result.trunks) {
                trunks[group.trunkIdentity] = trunk
            }
        }
        return trunks
    }

    /// Hidden states at the last token of every branch, `[branches, hiddenSize]`.
    private func run(
        _ branches: [Branch],
        _ features: [ContentHash: ImageFeatures],
        isCancelled: () -> Bool
    ) throws -> Tensor {
        var parts: [Tensor] = []
        for pack in Self.packs(branches.map(\.range.count), limit: Self.rowsAtATime) {
            let result = try run(
                branches[pack].map { ($0.prompt, $0.range) },
                trunks: branches[pack].map(\.trunk),
                purpose: .lastRows,
                features,
                isCancelled: isCancelled
            )
            parts += result.hidden.map { [$0] } ?? []
        }
        return Tensor.concatenatingRows(parts)
    }

    /// Runs parts of prompts, each behind its trunk, as one batch of rows.
    private func run(
        _ parts: [(prompt: Prompt, range: Range<Int>)],
        trunks: [TrunkState?],
        purpose: LanguageDecoder.Purpose,
        _ features: [ContentHash: ImageFeatures],
        isCancelled: () -> Bool
    ) throws -> (hidden: Tensor?, trunks: [TrunkState]) {
        var row = 0
        let branches = zip(parts, trunks).map { part, trunk in
            defer { row += part.range.count }
            return LanguageDecoder.Branch(row..<row + part.range.count, behind: trunk)
        }
        let embedded = embed(parts, features)
        return try decoder.run(
            embedded.rows,
            positions: parts.flatMap { $0.prompt.positions[$0.range] },
            deepstack: embedded.deepstack,
            branches: branches,
            purpose: purpose,
            isCancelled: isCancelled
        )
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
