/// Byte-pair merging of token ids, lowest rank first.
struct BytePairMerges: Sendable {
    private let merges: [Pair: Merge]

    private struct Pair: Hashable, Sendable {
        let left: Int
        let right: Int
    }

    private struct Merge: Sendable {
        let rank: Int
        let result: Int
    }

    /// Holds the rules.
    ///
    /// - Parameter rules: Left id, right id and id of the joined token, most important rule first.
    init(_ rules: [(left: Int, right: Int, result: Int)]) {
        var merges: [Pair: Merge] = [:]
        for (rank, rule) in rules.enumerated() {
            merges[Pair(left: rule.left, right: rule.right)] = Merge(rank: rank, result: rule.result)
        }
        self.merges = merges
    }

    /// Joins neighbours until no rule applies; of equal ranks the leftmost goes first.
    func apply(to symbols: [Int]) -> [Int] {
        var ids = symbols
        while ids.count > 1 {
            var best: (position: Int, merge: Merge)?
            for position in 0..<(ids.count - 1) {
                guard let merge = merges[Pair(left: ids[position], right: ids[position + 1])] else {
                    continue
                }
                if merge.rank < best?.merge.rank ?? Int.max { best = (position, merge) }
            }
            guard let best else { break }
            ids[best.position] = best.merge.result
            ids.remove(at: best.position + 1)
        }
        return ids
    }
}
