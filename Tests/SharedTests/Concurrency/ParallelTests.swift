import Shared
import Testing

@Suite("Parallel")
struct ParallelTests {
    @Test("every index runs exactly once, nested loops included", arguments: [0, 1, 2, 5, 97])
    func everyIndex(count: Int) {
        let seen = Lock([Int](repeating: 0, count: count))
        Parallel.forEach(count) { outer in
            Parallel.forEach(3) { _ in
                seen.withLock { $0[outer] += 1 }
            }
        }
        let counts = seen.withLock { $0 }
        #expect(counts == [Int](repeating: 3, count: count))
    }
}
