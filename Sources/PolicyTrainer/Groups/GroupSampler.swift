import Shared

/// Draws the rows of every batch, each of them K times.
///
/// The draw of batch `i` of epoch `e` depends on the run's seed, on `e · batches + i` and on the banned rows
/// alone, whatever was drawn before and however many workers share the batch. Rows are distinct within an
/// epoch as far as the dataset has enough of them, and always within a batch: a row drawn twice would form
/// one group of twice the size.
///
/// Source: PKU-YuanGroup/Edit-R1, `DistributedKRepeatSampler` (the seed rule); rows instead of prompt texts
/// as keys and distinct rows per epoch are ours (docs/Parity.md).
struct GroupSampler: Sendable {
    /// The rows of one batch.
    struct Batch: Sendable, Hashable {
        /// The distinct rows, in drawing order; the groups of the batch.
        let rows: [Int]
        /// Every row `groupSize` times in random order; workers take contiguous slices of it.
        let entries: [Int]
    }

    /// How many rows the dataset has.
    let rowCount: Int
    /// How many distinct rows a batch has.
    let groupsPerBatch: Int
    /// How many times a batch holds each of its rows.
    let groupSize: Int
    /// How many batches an epoch has.
    let batchesPerEpoch: Int
    /// The run's seed.
    let seed: UInt64

    /// The batches of one epoch.
    ///
    /// - Parameters:
    ///   - epoch: The epoch, from 0.
    ///   - banned: Rows that are left out; at least `groupsPerBatch` others must remain.
    /// - Returns: `batchesPerEpoch` batches.
    func batches(epoch: Int, banned: Set<Int> = []) -> [Batch] {
        let valid = (0..<rowCount).filter { !banned.contains($0) }
        precondition(
            valid.count >= groupsPerBatch,
            "\(valid.count) rows do not fill a batch of \(groupsPerBatch) groups"
        )
        var drawn: Set<Int> = []
        return (0..<batchesPerEpoch).map { index in
            let number = UInt64(epoch * batchesPerEpoch + index)
            var generator = SeedTree(seed: seed &+ number)["sampler"].generator
            var fresh = valid.filter { !drawn.contains($0) }
            if fresh.count < groupsPerBatch {
                drawn = []
                fresh = valid
            }
            fresh.shuffle(using: &generator)
            let rows = Array(fresh.prefix(groupsPerBatch))
            drawn.formUnion(rows)
            var entries = rows.flatMap { Array(repeating: $0, count: groupSize) }
            entries.shuffle(using: &generator)
            return Batch(rows: rows, entries: entries)
        }
    }
}
