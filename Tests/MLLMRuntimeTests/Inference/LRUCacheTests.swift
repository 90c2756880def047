import Testing

@testable import MLLMRuntime

@Suite("LRU cache")
struct LRUCacheTests {
    @Test("the entry unused for longest goes first")
    func order() {
        var cache = LRUCache<Int, String>(byteLimit: 30)
        for key in 1...3 {
            cache.insert("\(key)", for: key, byteCount: 10)
        }
        #expect(cache.value(for: 1) == "1")
        cache.insert("4", for: 4, byteCount: 10)
        #expect(cache.value(for: 2) == nil && cache.value(for: 1) == "1" && cache.value(for: 3) == "3")
        #expect(cache.byteCount == 30)
        cache.insert("5", for: 5, byteCount: 25)
        #expect(cache.count == 1 && cache.byteCount == 25)
        cache.insert("huge", for: 6, byteCount: 31)
        #expect(cache.value(for: 6) == nil && cache.value(for: 5) == "5")
        cache.insert("five", for: 5, byteCount: 5)
        #expect(cache.value(for: 5) == "five" && cache.byteCount == 5)
    }

    @Test("thousands of uses stay within the limit")
    func many() {
        var cache = LRUCache<Int, Int>(byteLimit: 100)
        for step in 0..<20_000 {
            cache.insert(step, for: step % 37, byteCount: 7)
            _ = cache.value(for: (step * 7) % 37)
            #expect(cache.byteCount <= 100 && cache.byteCount == 7 * cache.count)
        }
    }
}
