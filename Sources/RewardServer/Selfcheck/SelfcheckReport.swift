import Foundation

/// What a selfcheck found: how much lower each kind of bad edit scores than the right one.
struct SelfcheckReport: Encodable {
    /// The kinds of bad edit; a judge must score each below the right edit.
    enum Check: String, CaseIterable, Encodable {
        /// The picture as it was.
        case identity
        /// A black picture.
        case black
        /// The right edit of another instruction.
        case wrongEdit = "wrong_edit"
        /// The right edit under another scene's instruction.
        case shuffled = "shuffled_instruction"
        /// The right edit as the source, the source as its edit.
        case swapped = "swapped_images"
        /// The right edit under noise.
        case noise = "repeated_noise"

        /// The words of the table.
        var words: String {
            switch self {
            case .identity: "unchanged picture"
            case .black: "black picture"
            case .wrongEdit: "another edit"
            case .shuffled: "another instruction"
            case .swapped: "swapped pictures"
            case .noise: "right edit under noise"
            }
        }
    }

    /// One kind of bad edit.
    struct Move: Encodable {
        /// The least mean drop that counts: a quarter of a step of a rating of 0 to 5, on a scale of 0...1.
        ///
        /// What is less would drown in the differences between pictures, whatever its statistics.
        static let leastMean = 0.05
        /// The least quotient of the mean and its standard error.
        ///
        /// With 12 scenes a judge whose drops are normal around 0 reaches 2.72 once in a hundred times
        /// (Student's t, 11 degrees of freedom, one side). Random weights answer a black or a noisy picture
        /// unlike a clean one in one and the same direction and so can pass those two lines; but nothing lets
        /// them pass "another edit", "another instruction" and "swapped pictures", whose pictures are clean on
        /// both sides. As every line must pass, random weights fail as a whole.
        static let leastQuotient = 2.72

        /// Which.
        let check: Check
        /// How much lower the bad edit scores, scene by scene.
        let differences: [Double]

        /// The mean drop.
        var mean: Double { Correlation.mean(differences) }
        /// The standard error of ``mean``.
        var standardError: Double {
            let mean = mean
            let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return (squares / Double(differences.count - 1) / Double(differences.count)).squareRoot()
        }
        /// Scenes in which the bad edit scores lower.
        var lowerCount: Int { differences.count { $0 > 0 } }
        /// Whether the judge tells this kind from the right edit.
        var passes: Bool { mean >= Self.leastMean && mean >= Self.leastQuotient * standardError }

        private enum CodingKeys: String, CodingKey {
            case check
            case mean = "mean_drop"
            case standardError = "standard_error"
            case lowerCount = "lower"
            case count = "n"
            case passes = "ok"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(check, forKey: .check)
            try container.encode(mean, forKey: .mean)
            try container.encode(standardError, forKey: .standardError)
            try container.encode(lowerCount, forKey: .lowerCount)
            try container.encode(differences.count, forKey: .count)
            try container.encode(passes, forKey: .passes)
        }
    }

    /// The model's name.
    let model: String
    /// The rubric's name.
    let rubric: String
    /// The mean score of the right edits.
    let rightMean: Double
    /// Whether every right edit scored alone had the same bits as in its group.
    let isRepeatable: Bool
    /// One for each kind of bad edit.
    let moves: [Move]

    /// Whether the judge can tell good edits from bad ones.
    var passes: Bool { isRepeatable && moves.allSatisfy(\.passes) }

    private enum CodingKeys: String, CodingKey {
        case model, rubric
        case rightMean = "right_mean"
        case isRepeatable = "repeatable"
        case moves = "checks"
        case passes = "ok"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(model, forKey: .model)
        try container.encode(rubric, forKey: .rubric)
        try container.encode(rightMean, forKey: .rightMean)
        try container.encode(isRepeatable, forKey: .isRepeatable)
        try container.encode(moves, forKey: .moves)
        try container.encode(passes, forKey: .passes)
    }

    /// The report for people.
    var lines: [String] {
        let width = Check.allCases.map(\.words.count).max() ?? 0
        func padded(_ text: String) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }
        var lines = [
            "model \(model), rubric \(rubric): right edits score \(number(rightMean)) on average",
            "",
            " \(padded("against the right edit"))    drop  ± error   lower    verdict",
        ]
        for move in moves {
            let mean = (move.mean < 0 ? "" : " ") + number(move.mean)
            let lower = "\(move.lowerCount) of \(move.differences.count)"
            lines.append(
                " \(padded(move.check.words))  \(mean)    \(number(move.standardError))  "
                    + "\(lower.padding(toLength: 9, withPad: " ", startingAt: 0))  \(verdict(move.passes))"
            )
        }
        lines += [
            " \(padded("the same again"))  \(isRepeatable ? "same bits" : "other bits")                    "
                + "  \(verdict(isRepeatable))",
            "",
            passes
                ? "The judge tells right edits from wrong ones."
                : "The judge cannot tell right edits from wrong ones: do not train with its scores.",
        ]
        return lines
    }

    private func verdict(_ passes: Bool) -> String { passes ? "ok" : "FAILS" }

    private func number(_ value: Double) -> String { String(format: "%.3f", value) }
}
