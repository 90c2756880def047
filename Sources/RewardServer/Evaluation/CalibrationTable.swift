/// Whether scores mean what they say: scores in bins beside what the labels were there.
struct CalibrationTable: Sendable, Equatable, Encodable {
    /// One bin.
    struct Bin: Sendable, Equatable, Encodable {
        /// Where it begins; the value itself belongs to it.
        let lower: Double
        /// Where it ends; the value belongs to the next bin, except in the last.
        let upper: Double
        /// How many values it holds.
        let count: Int
        /// The mean of its values; `nil` when it is empty.
        let meanScore: Double?
        /// The mean of what stands beside them, 0...1; `nil` when it is empty.
        let meanLabel: Double?

        private enum CodingKeys: String, CodingKey {
            case lower, upper
            case count = "n"
            case meanScore = "mean_score"
            case meanLabel = "mean_label"
        }
    }

    /// Ten bins of equal width for scores of 0...1.
    static let scoreEdges = (0...10).map { Double($0) / 10 }
    /// Bins for differences of two scores, narrow where most lie.
    static let differenceEdges = [0, 0.05, 0.1, 0.2, 0.4, 1]

    /// The bins, lowest first.
    let bins: [Bin]
    /// The mean distance of a bin's two means, weighted by its count (expected calibration error); `nil`
    /// without values.
    let error: Double?

    /// Sorts values into bins.
    ///
    /// - Parameters:
    ///   - points: Scores inside the edges, each with its label of 0...1.
    ///   - edges: The borders of the bins, ascending.
    init(_ points: [(score: Double, label: Double)], edges: [Double] = scoreEdges) {
        var held = [[(score: Double, label: Double)]](repeating: [], count: edges.count - 1)
        for point in points {
            let bin = edges.dropFirst().dropLast().count { $0 <= point.score }
            held[bin].append(point)
        }
        bins = held.enumerated().map { index, points in
            Bin(
                lower: edges[index],
                upper: edges[index + 1],
                count: points.count,
                meanScore: points.isEmpty ? nil : Correlation.mean(points.map(\.score)),
                meanLabel: points.isEmpty ? nil : Correlation.mean(points.map(\.label))
            )
        }
        let distances = bins.map { bin in
            abs((bin.meanScore ?? 0) - (bin.meanLabel ?? 0)) * Double(bin.count)
        }
        error = points.isEmpty ? nil : distances.reduce(0, +) / Double(points.count)
    }

    private enum CodingKeys: String, CodingKey {
        case bins
        case error = "expected_calibration_error"
    }
}
