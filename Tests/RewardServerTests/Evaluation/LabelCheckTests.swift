import Testing

@testable import RewardServer

@Suite struct LabelCheckTests {
    private func row(_ line: Int, _ edited: [String], _ label: EvaluationRow.Label, number: Double? = nil)
        -> EvaluationRow
    {
        EvaluationRow(
            line: line,
            source: "s",
            edited: edited,
            prompt: "p",
            requirement: "",
            label: label,
            category: nil,
            numberForPreference: number
        )
    }

    @Test("a rating off the scale is an error that names the row")
    func offScale() {
        let rows = [row(1, ["a"], .rating(2)), row(4, ["a", "b"], .ratings(5, 1))]
        let error = #expect(throws: EvaluationError.self) {
            try LabelCheck.require(rows, on: 2...5, path: "rows.jsonl")
        }
        let text = error?.description ?? ""
        #expect(
            text.hasPrefix("rows.jsonl, line 4: the rating 1 is off the scale") && text.contains("2:5"),
            "\(text)"
        )
        #expect(throws: Never.self) { try LabelCheck.require(rows, on: 1...5, path: "rows.jsonl") }
    }

    @Test(
        "numbers that look like places are warned of, signs are not",
        arguments: [
            ([0, 1, 2], true), ([1, 1], true), ([0, 1], true), ([1, -1, 0], false), ([0.5, 1], false),
            ([3, 1], false),
            ([], false),
        ] as [([Double], Bool)]
    )
    func places(numbers: [Double], isWarned: Bool) {
        let rows = numbers.enumerated().map { index, number in
            row(
                index + 3,
                ["a\(index)", "b"],
                .preference(number > 0 ? 1 : number < 0 ? -1 : 0),
                number: number
            )
        }
        let warnings = LabelCheck.warnings(rows)
        #expect(warnings.count == (isWarned ? 1 : 0))
        #expect(warnings.allSatisfy { $0.contains("line 3") && $0.contains("sign") })
    }

    @Test("rows that contradict each other are named by their lines, whichever edit stands first")
    func contradictions() {
        #expect(
            LabelCheck.warnings([
                row(1, ["a"], .rating(2)), row(2, ["a"], .rating(2)), row(3, ["./a"], .rating(4)),
                row(4, ["a", "b"], .preference(1)), row(5, ["b", "a"], .preference(-1)),
                row(6, ["b", "a"], .preference(1)), row(7, ["b", "a"], .ratings(1, 2)),
            ]) == [
                "lines 1 and 3 label the same edit differently; both count",
                "lines 4 and 6 label the same edit differently; both count",
                "lines 4 and 7 label the same edit differently; both count",
            ]
        )
        let many = (1...20).map { row($0, ["a"], .rating(Double($0))) }
        #expect(LabelCheck.warnings(many).count == 11)
        #expect(LabelCheck.warnings(many).last == "9 more rows contradict earlier ones")
    }
}
