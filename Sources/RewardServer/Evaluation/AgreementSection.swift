/// Agreement of the judge with the labels, over all rows or those of one category.
struct AgreementSection: Encodable {
    /// One row that has a score for every edit.
    struct Row {
        /// Where it stands, from 1.
        let line: Int
        /// Source image, prompt and requirement: rows that share them are candidates of one edit.
        let group: [String]
        /// What kind of edit it is.
        let category: String?
        /// What people or an oracle said.
        let label: EvaluationRow.Label
        /// The scores of its edits, 0...1.
        let scores: [Double]
    }

    /// The category; `nil` for all rows.
    let category: String?
    /// How many rows have a score for every edit.
    let rowCount: Int
    /// Scores beside ratings; `nil` when no row has a rating.
    let ratings: Ratings?
    /// Orders beside preferences; `nil` when there are no pairs.
    let pairs: Pairs?

    /// Scores beside ratings.
    struct Ratings: Encodable {
        /// How many edits have both.
        let count: Int
        /// Spearman's ρ.
        let spearman: Double?
        /// Kendall's τ-b.
        let kendall: Double?
        /// Pearson's r.
        let pearson: Double?
        /// The mean distance of score and rating, both on 0...1; `nil` without a scale.
        let meanAbsoluteError: Double?
        /// What the ratings were where the scores were such; `nil` without a scale.
        let calibration: CalibrationTable?

        private enum CodingKeys: String, CodingKey {
            case count = "n"
            case spearman, kendall, pearson
            case meanAbsoluteError = "mean_absolute_error"
            case calibration
        }

        /// Writes `null` for what is not known, so that nobody takes it for a report of an older version.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(count, forKey: .count)
            try container.encode(spearman, forKey: .spearman)
            try container.encode(kendall, forKey: .kendall)
            try container.encode(pearson, forKey: .pearson)
            try container.encode(meanAbsoluteError, forKey: .meanAbsoluteError)
            try container.encode(calibration, forKey: .calibration)
        }
    }

    /// Orders beside preferences.
    struct Pairs: Encodable {
        /// Accuracies.
        let agreement: PairwiseAgreement
        /// Source images with three or more rated edits, and how many of them have every pair right.
        let rankings: (count: Int, right: Int)
        /// The share of right orders by the difference of the scores; ties of the labels take no part.
        let byDifference: CalibrationTable

        private enum CodingKeys: String, CodingKey {
            case count = "n"
            case labelTies = "label_ties"
            case judgeTies = "judge_ties"
            case strict
            case tolerant
            case threshold = "tie_threshold"
            case rankings
            case rankingsRight = "rankings_right"
            case byDifference = "by_difference"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(agreement.count, forKey: .count)
            try container.encode(agreement.labelTies, forKey: .labelTies)
            try container.encode(agreement.judgeTies, forKey: .judgeTies)
            try container.encode(agreement.strict, forKey: .strict)
            try container.encode(agreement.tolerant, forKey: .tolerant)
            try container.encode(agreement.threshold, forKey: .threshold)
            try container.encode(rankings.count, forKey: .rankings)
            try container.encode(rankings.right, forKey: .rankingsRight)
            try container.encode(byDifference.bins.map(DifferenceBin.init), forKey: .byDifference)
        }

        /// A bin of ``byDifference`` under names that say what it holds.
        private struct DifferenceBin: Encodable {
            let lower: Double
            let upper: Double
            let n: Int
            let right: Double?

            init(_ bin: CalibrationTable.Bin) {
                (lower, upper, n, right) = (bin.lower, bin.upper, bin.count, bin.meanLabel)
            }
        }
    }

    private enum CodingKeys: String, CodingKey {
        case category
        case rowCount = "rows"
        case ratings, pairs
    }

    /// Compares scores with labels.
    ///
    /// - Parameters:
    ///   - rows: The rows, each with a score for every edit.
    ///   - category: What they have in common; `nil` for all rows.
    ///   - scale: The lowest and the highest rating that can be given, which no row leaves; `nil` when unknown.
    ///   - threshold: The difference of scores that is a tie; `nil` calibrates it on these rows.
    init(_ rows: [Row], category: String?, scale: ClosedRange<Double>?, threshold: Double?) {
        self.category = category
        rowCount = rows.count
        ratings = Self.ratings(rows, scale: scale)
        // In the order of the rows, so that sums have the same bits in every run.
        let groups = Dictionary(grouping: rows.filter { $0.scores.count == 1 }, by: \.group).values
            .sorted { $0[0].line < $1[0].line }
            .map(Self.pairs(inside:))
        let preferences = rows.compactMap(Self.pair)
        let pairs = preferences + groups.joined()
        guard !pairs.isEmpty else {
            self.pairs = nil
            return
        }
        let agreement = PairwiseAgreement(pairs, threshold: threshold)
        let rankings = groups.filter { $0.count > 1 }
        self.pairs = Pairs(
            agreement: agreement,
            rankings: (
                count: rankings.count,
                right: rankings.count { $0.allSatisfy { $0.agrees(threshold: agreement.threshold) } }
            ),
            byDifference: CalibrationTable(
                pairs.filter { $0.label != 0 }.map { pair in
                    (score: min(1, abs(pair.difference)), label: pair.agrees(threshold: 0) ? 1 : 0)
                },
                edges: CalibrationTable.differenceEdges
            )
        )
    }

    private static func ratings(_ rows: [Row], scale: ClosedRange<Double>?) -> Ratings? {
        let points = rows.flatMap { row -> [(score: Double, label: Double)] in
            switch row.label {
            case .rating(let rating): [(row.scores[0], rating)]
            case .ratings(let first, let second): [(row.scores[0], first), (row.scores[1], second)]
            case .preference: []
            }
        }
        guard !points.isEmpty else { return nil }
        let (scores, labels) = (points.map(\.score), points.map(\.label))
        let scaled = scale.map { scale in
            points.map { ($0.score, ($0.label - scale.lowerBound) / (scale.upperBound - scale.lowerBound)) }
        }
        return Ratings(
            count: points.count,
            spearman: Correlation.spearman(scores, labels),
            kendall: Correlation.kendallTauB(scores, labels),
            pearson: Correlation.pearson(scores, labels),
            meanAbsoluteError: scaled.map { Correlation.mean($0.map { abs($0 - $1) }) },
            calibration: scaled.map { CalibrationTable($0.map { (score: $0, label: $1) }) }
        )
    }

    /// The pair of a row with two edits.
    private static func pair(_ row: Row) -> PairwiseAgreement.Pair? {
        guard row.scores.count == 2 else { return nil }
        let order =
            switch row.label {
            case .preference(let order): order
            case .ratings(let first, let second): sign(first - second)
            case .rating: 0
            }
        return PairwiseAgreement.Pair(label: order, difference: row.scores[0] - row.scores[1])
    }

    /// Every pair of the rated edits of one source image and prompt.
    private static func pairs(inside group: [Row]) -> [PairwiseAgreement.Pair] {
        let rated = group.compactMap { row -> (score: Double, rating: Double)? in
            if case .rating(let rating) = row.label { (row.scores[0], rating) } else { nil }
        }
        return rated.indices.flatMap { first in
            rated[(first + 1)...].map { second in
                PairwiseAgreement.Pair(
                    label: sign(rated[first].rating - second.rating),
                    difference: rated[first].score - second.score
                )
            }
        }
    }

    private static func sign(_ value: Double) -> Int {
        value > 0 ? 1 : value < 0 ? -1 : 0
    }
}
