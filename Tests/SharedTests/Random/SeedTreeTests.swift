import Shared
import Testing

@Suite("SeedTree")
struct SeedTreeTests {
    @Test("the same path gives the same stream, another path another one")
    func paths() {
        let seeds = SeedTree(seed: 42)
        var first = seeds["rollout", 3, 7].generator
        var again = seeds["rollout", 3, 7].generator
        var other = seeds["rollout", 7, 3].generator
        let numbers = (0..<8).map { _ in first.next() }
        #expect(numbers == (0..<8).map { _ in again.next() })
        #expect(numbers != (0..<8).map { _ in other.next() })
        #expect(seeds["1"].key != seeds[1].key)
        #expect(seeds["a", "b"].key == seeds["a"]["b"].key)
        #expect(SeedTree(seed: 1).key != SeedTree(seed: 2).key)
    }

    @Test("the stream of a key never changes between versions")
    func golden() {
        var generator = SeedTree(seed: 0)["golden", 1].generator
        #expect((0..<3).map { _ in generator.next() } == Self.goldenNumbers)
    }

    static let goldenNumbers: [UInt64] = [
        4_245_816_890_229_755_099, 11_500_662_294_696_559_838, 12_755_871_822_900_573_498,
    ]

    @Test("normal numbers have mean 0, variance 1 and the tails of a normal distribution")
    func normals() {
        var generator = SeedTree(seed: 5)["normal"].generator
        let numbers = generator.normals(count: 200_001)
        #expect(numbers.count == 200_001)
        let mean = numbers.reduce(0.0) { $0 + Double($1) } / Double(numbers.count)
        let variance = numbers.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(numbers.count)
        let beyondTwo = Double(numbers.count { abs($0) > 2 }) / Double(numbers.count)
        #expect(abs(mean) < 0.01)
        #expect(abs(variance - 1) < 0.02)
        #expect(abs(beyondTwo - 0.0455) < 0.003)
        #expect(!numbers.contains { !$0.isFinite })
    }

    @Test("whole numbers fill their range evenly")
    func integers() {
        var generator = SeedTree(seed: 5)["integers"].generator
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 {
            counts[generator.nextInt(7)] += 1
        }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    }
}
