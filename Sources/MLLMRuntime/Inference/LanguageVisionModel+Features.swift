import Imaging
import Shared

extension LanguageVisionModel {
    /// Patches that go through the vision tower at a time, unless one image has more.
    static let patchesAtATime = 4096

    /// Features of all images that have a token behind what is known of their group.
    ///
    /// - Parameters:
    ///   - groups: The prompts of each group.
    ///   - seen: How many of its first tokens are known, of each group.
    ///   - cache: Where features are looked for and kept.
    ///   - isCancelled: Asked between blocks.
    /// - Returns: The features; and of each group, how many different images went through the tower for it, and
    ///   how many did not need to.
    /// - Throws: `CancellationError`.
    func encode(
        imagesOf groups: [[Prompt]],
        from seen: [Int],
        cache: InferenceCache?,
        isCancelled: () -> Bool
    ) throws -> (images: [ContentHash: ImageFeatures], counts: [(encoded: Int, cached: Int)]) {
        var images: [ContentHash: ImageFeatures] = [:]
        var waiting: [PreparedImage] = []
        var waitingHashes: Set<ContentHash> = []
        var counts: [(encoded: Int, cached: Int)] = []
        for (prompts, known) in zip(groups, seen) {
            var needed: [ContentHash: Bool] = [:]
            let firstWaiting = waiting.count
            for placed in prompts.flatMap(\.images) {
                let isBehind = placed.range.upperBound > known
                needed[placed.image.contentHash] = needed[placed.image.contentHash] == true || isBehind
            }
            for placed in prompts.flatMap(\.images) {
                let hash = placed.image.contentHash
                guard needed[hash] == true, images[hash] == nil, !waitingHashes.contains(hash) else {
                    continue
                }
                if let known = cache?.features(of: hash) {
                    images[hash] = known
                } else {
                    waiting.append(placed.image)
                    waitingHashes.insert(hash)
                }
            }
            let encoded = waiting.count - firstWaiting
            counts.append((encoded, needed.count - encoded))
        }
        for pack in Self.packs(waiting.map(\.patches.patchCount), limit: Self.patchesAtATime) {
            let features = try tower.features(of: waiting[pack].map(\.patches), isCancelled: isCancelled)
            for (image, found) in zip(waiting[pack], features) {
                images[image.contentHash] = found
                cache?.keep(found, for: image.contentHash)
            }
        }
        return (images, counts)
    }

    /// Ranges of neighbours whose sizes add up to `limit` at most, unless one alone has more.
    static func packs(_ sizes: [Int], limit: Int) -> [Range<Int>] {
        var packs: [Range<Int>] = []
        var total = 0
        for (index, size) in sizes.enumerated() {
            if let last = packs.last, total + size <= limit {
                packs[packs.count - 1] = last.lowerBound..<index + 1
                total += size
            } else {
                packs.append(index..<index + 1)
                total = size
            }
        }
        return packs
    }
}
