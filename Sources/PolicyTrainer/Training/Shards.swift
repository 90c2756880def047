import Shared

/// Work cut into ranges of a fixed size, computed side by side or one after the other, and put together in order.
struct Shards: Sendable {
    /// The ranges, in order; all but the last have the same length.
    let ranges: [Range<Int>]
    /// Whether ranges share the compute threads; else each range has all of them for its products.
    let isSideBySide: Bool

    /// Cuts `0 ..< count`.
    init(count: Int, size: Int, isSideBySide: Bool = true) {
        self.isSideBySide = isSideBySide
        ranges = stride(from: 0, to: count, by: max(1, size)).map { $0..<min($0 + max(1, size), count) }
    }

    /// Computes every range on the compute threads.
    ///
    /// - Parameter body: Work of one range.
    /// - Returns: Results in the order of the ranges.
    /// - Throws: The error of the first range that failed.
    func map<Value: Sendable>(_ body: @Sendable (Range<Int>) throws -> Value) throws -> [Value] {
        let results = Lock([Result<Value, any Error>?](repeating: nil, count: ranges.count))
        forEach(ranges.count) { index in
            let result = Result { try body(ranges[index]) }
            results.withLock { $0[index] = result }
        }
        return try results.withLock { $0 }.compactMap { try $0?.get() }
    }

    private func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        if isSideBySide {
            Parallel.forEach(count, body)
        } else {
            (0..<count).forEach(body)
        }
    }

    /// Computes every range and folds the results in the order of the ranges, a few at a time.
    ///
    /// The fold does not depend on the number of threads, and no more than two results per thread exist at
    /// once.
    ///
    /// - Parameters:
    ///   - initial: The beginning of the fold.
    ///   - combine: Adds a result.
    ///   - body: Work of one range.
    /// - Returns: The fold.
    func reduce<Value: Sendable, Total>(
        into initial: Total,
        combine: (inout Total, Value) -> Void,
        _ body: @Sendable (Range<Int>) -> Value
    ) -> Total {
        var total = initial
        let wave = isSideBySide ? max(1, Parallel.threadCount) * 2 : 1
        for start in stride(from: 0, to: ranges.count, by: wave) {
            let part = Array(ranges[start..<min(start + wave, ranges.count)])
            let results = Lock([Value?](repeating: nil, count: part.count))
            forEach(part.count) { index in
                let value = body(part[index])
                results.withLock { $0[index] = value }
            }
            for value in results.withLock({ $0 }) {
                if let value { combine(&total, value) }
            }
        }
        return total
    }
}
