import Shared
import Testing

@testable import RewardServer

@Suite struct ScoreTableTests {
    @Test("scores, bars, warnings and failures stand in their columns")
    func layout() {
        let sure = EditScore(
            score: 0.9,
            raw: 4.5,
            probabilities: ["0": 0, "1": 0, "2": 0, "3": 0, "4": 0.5, "5": 0.5],
            argmax: "4",
            entropy: 0.69,
            normalizedEntropy: 0.39,
            standardDeviation: 0.1,
            mass: 0.25,
            warnings: ["low_label_mass"]
        )
        let failure = ScoreFailure(
            type: "invalid_image",
            code: "empty_image",
            message: "b.png: the file is empty"
        )
        let table = ScoreTable(
            ShellAnswer(
                model: "m",
                rubric: "r",
                rows: [
                    ShellAnswer.Row(image: "a.png", outcome: .score(sure)),
                    ShellAnswer.Row(image: "b.png", outcome: .failure(failure)),
                ]
            )
        )
        #expect(
            table.lines == [
                "model m, rubric r",
                "",
                " score  rating  0    5   mass  image",
                " 0.900    4.50  ▁▁▁▁▅▅  0.250  a.png  (low_label_mass)",
                " error  b.png: the file is empty",
                "",
                " mean 0.900, standard deviation 0.000, 1 of 2 scored",
            ]
        )
    }

    @Test("labels that are numbers are ordered by value, others by letter")
    func labels() {
        #expect(ScoreTable.sorted(["10", "9", "1"]) == ["1", "9", "10"])
        #expect(ScoreTable.sorted(["yes", "no"]) == ["no", "yes"])
    }
}
