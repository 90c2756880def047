import Testing

@testable import PolicyTrainer

@Suite("The sampler of groups")
struct GroupSamplerTests {
    private let sampler = GroupSampler(
        rowCount: 100,
        groupsPerBatch: 6,
        groupSize: 12,
        batchesPerEpoch: 4,
        seed: 42
    )

    @Test("every batch holds each of its rows exactly K times", arguments: 0..<10)
    func repeats(epoch: Int) {
        for batch in sampler.batches(epoch: epoch) {
            #expect(Set(batch.rows).count == 6)
            #expect(batch.entries.count == 72)
            for row in batch.rows {
                #expect(batch.entries.count { $0 == row } == 12)
            }
        }
    }

    @Test("rows are distinct within an epoch", arguments: 0..<10)
    func distinct(epoch: Int) {
        let rows = sampler.batches(epoch: epoch).flatMap(\.rows)
        #expect(Set(rows).count == rows.count)
    }

    @Test("the union over workers is the same for any number of workers", arguments: [1, 2, 3, 6, 24, 72])
    func workers(count: Int) {
        let batch = sampler.batches(epoch: 3)[1]
        let share = batch.entries.count / count
        let slices = (0..<count).map { Array(batch.entries[($0 * share)..<(($0 + 1) * share)]) }
        #expect(
            slices.flatMap { $0 }.sorted() == batch.rows.flatMap { Array(repeating: $0, count: 12) }.sorted()
        )
    }

    @Test("different epochs and batches differ, equal ones are equal")
    func draws() {
        let batches = (0..<50).flatMap { sampler.batches(epoch: $0) }
        #expect(Set(batches).count == batches.count)
        #expect(sampler.batches(epoch: 7) == sampler.batches(epoch: 7))
    }

    @Test("banned rows never come, and few rows repeat only in another batch")
    func banned() {
        let banned = Set(0..<90)
        for epoch in 0..<20 {
            for batch in sampler.batches(epoch: epoch, banned: banned) {
                #expect(Set(batch.rows).count == 6)
                #expect(banned.isDisjoint(with: batch.rows))
            }
        }
    }

    @Test("every row comes about equally often")
    func fairness() {
        var counts = [Int](repeating: 0, count: 100)
        for epoch in 0..<500 {
            for row in sampler.batches(epoch: epoch).flatMap(\.rows) {
                counts[row] += 1
            }
        }
        // 120 expected, standard deviation below 10.
        #expect(counts.allSatisfy { (75...165).contains($0) })
    }
}
