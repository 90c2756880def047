/// Coefficients of how two lists of numbers go together.
///
/// All are `nil` when they are undefined: fewer than two pairs, or a list whose numbers are all equal.
enum Correlation {
    /// Pearson's r: how close the points lie to a straight line.
    ///
    /// - Parameters:
    ///   - x: Finite numbers.
    ///   - y: As many.
    /// - Returns: −1...1.
    static func pearson(_ x: [Double], _ y: [Double]) -> Double? {
        precondition(x.count == y.count, "\(x.count) numbers beside \(y.count)")
        guard x.count > 1, let firstX = x.first, let firstY = y.first,
            x.contains(where: { $0 != firstX }), y.contains(where: { $0 != firstY })
        else {
            return nil
        }
        let (meanX, meanY) = (mean(x), mean(y))
        var (xx, yy, xy) = (0.0, 0.0, 0.0)
        for (a, b) in zip(x, y) {
            xx += (a - meanX) * (a - meanX)
            yy += (b - meanY) * (b - meanY)
            xy += (a - meanX) * (b - meanY)
        }
        let scale = xx.squareRoot() * yy.squareRoot()
        guard scale > 0 else { return nil }
        return min(1, max(-1, xy / scale))
    }

    /// Spearman's ρ: Pearson's r of the ranks, equal numbers sharing the mean of their ranks.
    ///
    /// - Parameters:
    ///   - x: Finite numbers.
    ///   - y: As many.
    /// - Returns: −1...1.
    static func spearman(_ x: [Double], _ y: [Double]) -> Double? {
        pearson(ranks(x), ranks(y))
    }

    /// Kendall's τ-b: pairs in the same order less pairs in the other, ties taken into account.
    ///
    /// `(P − Q) / √((n₀ − n₁)(n₀ − n₂))` with `n₀ = n(n − 1)/2` and `n₁`, `n₂` the pairs tied in x and in y.
    /// The pairs in the other order are counted by a merge sort, so that the time grows as n log n.
    ///
    /// - Parameters:
    ///   - x: Finite numbers.
    ///   - y: As many.
    /// - Returns: −1...1.
    ///
    /// Source: M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945); W. R.
    /// Knight, "A computer method for calculating Kendall's tau with ungrouped data", JASA 61 (1966).
    static func kendallTauB(_ x: [Double], _ y: [Double]) -> Double? {
        precondition(x.count == y.count, "\(x.count) numbers beside \(y.count)")
        let points = zip(x, y).map { (x: $0, y: $1) }.sorted { ($0.x, $0.y) < ($1.x, $1.y) }
        let total = points.count * (points.count - 1) / 2
        let tiedX = tiedPairs(points) { $0.x == $1.x }
        let tiedBoth = tiedPairs(points) { $0.x == $1.x && $0.y == $1.y }
        var column = points.map(\.y)
        let swaps = sortCountingSwaps(&column)
        let tiedY = tiedPairs(column, ==)
        guard total > tiedX, total > tiedY else { return nil }
        let difference = Double(total - tiedX - tiedY + tiedBoth - 2 * swaps)
        let scale = Double(total - tiedX).squareRoot() * Double(total - tiedY).squareRoot()
        return min(1, max(-1, difference / scale))
    }

    /// The rank of every number, from 1; equal numbers get the mean of their ranks.
    static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] {
                end += 1
            }
            for index in order[start..<end] {
                ranks[index] = Double(start + 1 + end) / 2
            }
            start = end
        }
        return ranks
    }

    /// The arithmetic mean of a list that is not empty.
    static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(values.count)
    }

    /// How many pairs of a sorted list are equal.
    private static func tiedPairs<Element>(_ sorted: [Element], _ isEqual: (Element, Element) -> Bool) -> Int
    {
        var (pairs, run) = (0, 1)
        for index in sorted.indices.dropFirst() {
            run = isEqual(sorted[index - 1], sorted[index]) ? run + 1 : 1
            pairs += run - 1
        }
        return pairs
    }

    /// Sorts a list and counts the pairs that stood in the wrong order; equal numbers are in order.
    private static func sortCountingSwaps(_ values: inout [Double]) -> Int {
        var (swaps, width) = (0, 1)
        var merged = values
        while width < values.count {
            for start in stride(from: 0, to: values.count, by: 2 * width) {
                let middle = min(start + width, values.count)
                let end = min(start + 2 * width, values.count)
                var (left, right) = (start, middle)
                for index in start..<end {
                    if left < middle, right >= end || values[left] <= values[right] {
                        merged[index] = values[left]
                        left += 1
                    } else {
                        merged[index] = values[right]
                        right += 1
                        swaps += middle - left
                    }
                }
            }
            swap(&values, &merged)
            width *= 2
        }
        return swaps
    }
}
