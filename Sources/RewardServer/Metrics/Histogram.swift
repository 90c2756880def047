/// Counts values by size, as Prometheus does: each bucket holds all values up to its bound.
struct Histogram: Sendable {
    /// Bounds for durations on a CPU, in seconds.
    static let secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
    /// Bounds for scores and probabilities.
    static let unitBounds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    /// Bounds for candidates of a request.
    static let countBounds: [Double] = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]

    /// Upper bounds, rising.
    let bounds: [Double]
    /// Values at most as large as each bound.
    private(set) var counts: [Int]
    /// All values.
    private(set) var count = 0
    /// Their sum.
    private(set) var sum = 0.0

    /// Makes an empty histogram.
    ///
    /// - Parameter bounds: Upper bounds, rising.
    init(bounds: [Double]) {
        self.bounds = bounds
        counts = bounds.map { _ in 0 }
    }

    /// Counts a value.
    mutating func observe(_ value: Double) {
        count += 1
        sum += value
        for (index, bound) in bounds.enumerated() where value <= bound {
            counts[index] += 1
        }
    }
}
