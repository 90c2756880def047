import Shared

/// What the labels of an evaluation say against one another, or against what they are taken for.
enum LabelCheck {
    /// Contradictions that are listed; the rest is counted.
    private static let listed = 10

    /// Refuses a rating that the scale does not have.
    ///
    /// - Parameters:
    ///   - rows: The rows.
    ///   - scale: The lowest and the highest rating that can be given.
    ///   - path: The file of the rows, for the error.
    /// - Throws: ``EvaluationError/row(path:line:reason:)`` for the first such row.
    static func require(
        _ rows: [EvaluationRow],
        on scale: ClosedRange<Double>,
        path: String
    ) throws(EvaluationError) {
        for row in rows {
            guard let rating = row.label.ratings.first(where: { !scale.contains($0) }) else { continue }
            let numbers = [rating, scale.lowerBound, scale.upperBound].map(EvaluationTable.plain)
            throw .row(
                path: path,
                line: row.line,
                reason:
                    "the rating \(numbers[0]) is off the scale of --label-scale \(numbers[1]):\(numbers[2]); "
                    + "correct the rating or the scale"
            )
        }
    }

    /// What a reader of the report should know about the labels.
    ///
    /// - Parameter rows: The rows.
    /// - Returns: One sentence each; none when there is nothing.
    static func warnings(_ rows: [EvaluationRow]) -> [String] {
        places(rows) + contradictions(rows)
    }

    /// Numbers 0, 1 and 2 without one below zero: they look like places in a list, and are taken for signs.
    private static func places(_ rows: [EvaluationRow]) -> [String] {
        let numbered = rows.filter { $0.numberForPreference != nil }
        let numbers = Set(numbered.compactMap(\.numberForPreference))
        guard let first = numbered.first, numbers.isSubset(of: [0, 1, 2]) else { return [] }
        return [
            """
            the labels of pairs, from line \(first.line) on, are 0, 1 or 2 and never below zero; a number counts by its \
            sign, so 0 is a tie, and 1 and 2 prefer edited_a; if they are places, write "a", "b" and "tie"
            """
        ]
    }

    /// Rows that ask the same about the same files, and are labelled differently.
    private static func contradictions(_ rows: [EvaluationRow]) -> [String] {
        var firsts: [[String]: (line: Int, label: EvaluationRow.Label)] = [:]
        var found: [String] = []
        for row in rows {
            // Two edits in the other order are the same question.
            let isTurned = row.edited.count == 2 && row.edited[1] < row.edited[0]
            let edited = isTurned ? row.edited.reversed() : row.edited
            let label = isTurned ? row.label.turned : row.label
            let key = [row.prompt, row.requirement] + ([row.source] + edited).map(PathText.absolute)
            if let first = firsts[key] {
                guard label != first.label else { continue }
                found.append(
                    "lines \(first.line) and \(row.line) label the same edit differently; both count"
                )
            } else {
                firsts[key] = (row.line, label)
            }
        }
        let rest = found.count - listed
        return found.prefix(listed) + (rest > 0 ? ["\(rest) more rows contradict earlier ones"] : [])
    }
}

extension EvaluationRow.Label {
    /// The ratings it gives.
    var ratings: [Double] {
        switch self {
        case .rating(let rating): [rating]
        case .ratings(let first, let second): [first, second]
        case .preference: []
        }
    }

    /// The label when the two edits change places.
    fileprivate var turned: EvaluationRow.Label {
        switch self {
        case .rating: self
        case .ratings(let first, let second): .ratings(second, first)
        case .preference(let order): .preference(-order)
        }
    }
}
