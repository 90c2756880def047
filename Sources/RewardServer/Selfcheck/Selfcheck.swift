import Imaging
import Shared

/// Asks a judge about edits whose worth is known, and looks at which way its scores move.
struct Selfcheck {
    /// The judge.
    let model: ServedModel
    /// How it is asked.
    let rubric: Rubric
    /// How many scenes; the verdicts are about means over them.
    let sceneCount: Int
    /// Draws the pictures.
    let picture: SelfcheckPicture

    /// Standard deviation of the noise that spoils a right edit; full scale is 1.
    private static let noiseDeviation = 0.3
    /// How often the noise is drawn anew.
    private static let noiseDraws = 3
    /// The scenes are the same for every judge.
    private static let seeds = SeedTree(seed: 1)["selfcheck"]
    /// What the edits have in common to fulfil.
    private static let requirement = "everything else stays as it is"

    /// What is scored of one scene.
    private struct Case {
        let source: PixelImage
        let right: PixelImage
        let other: PixelImage
        let noisy: [PixelImage]
        let instruction: String
    }

    /// Scores everything.
    ///
    /// For every scene: the right edit; the picture as it was; a black picture; another instruction's right
    /// edit of the same picture; the right edit under noise, drawn several times; the right edit under
    /// another scene's instruction; the right edit as the source and the source as its edit; and the right
    /// edit once more.
    ///
    /// - Returns: The report.
    /// - Throws: What scoring throws; ``ScoreFailure`` for the first score that there is none of.
    func run() throws -> SelfcheckReport {
        let cases = (0..<sceneCount).map(makeCase)
        var moves = SelfcheckReport.Check.allCases.map { ($0, [Double]()) }
        var rightScores: [Double] = []
        var isRepeatable = true
        func move(_ check: SelfcheckReport.Check, _ difference: Double) {
            for index in moves.indices where moves[index].0 == check {
                moves[index].1.append(difference)
            }
        }
        for (index, one) in cases.enumerated() {
            let scores = try self.scores(
                of: [one.right, one.source, picture.black, one.other] + one.noisy,
                source: one.source,
                instruction: one.instruction
            )
            let right = scores[0]
            rightScores.append(right)
            move(.identity, right - scores[1])
            move(.black, right - scores[2])
            move(.wrongEdit, right - scores[3])
            move(.noise, right - scores[4...].reduce(0, +) / Double(Self.noiseDraws))
            let foreign = cases[(index + 1) % cases.count].instruction
            move(
                .shuffled,
                right - (try self.scores(of: [one.right], source: one.source, instruction: foreign)[0])
            )
            let back = try self.scores(of: [one.source], source: one.right, instruction: one.instruction)
            move(.swapped, right - back[0])
            let again = try self.scores(of: [one.right], source: one.source, instruction: one.instruction)
            isRepeatable = isRepeatable && again[0] == right
        }
        return SelfcheckReport(
            model: model.identity.name,
            rubric: rubric.name,
            rightMean: Correlation.mean(rightScores),
            isRepeatable: isRepeatable,
            moves: moves.map { SelfcheckReport.Move(check: $0, differences: $1) }
        )
    }

    private func makeCase(_ index: Int) -> Case {
        var generator = Self.seeds["scene", index].generator
        let operations = SelfcheckScene.Operation.allCases
        let scene = SelfcheckScene(&generator)
        let edit = scene.edit(operations[index % operations.count], &generator)
        var other = edit
        while other.target == edit.target {
            other = scene.edit(operations[generator.nextInt(operations.count)], &generator)
        }
        let right = picture.image(of: edit.target)
        return Case(
            source: picture.image(of: scene),
            right: right,
            other: picture.image(of: other.target),
            noisy: (0..<Self.noiseDraws).map { _ in
                picture.noisy(right, deviation: Self.noiseDeviation, &generator)
            },
            instruction: edit.instruction
        )
    }

    /// The scores of pictures, by the way that every request goes.
    private func scores(
        of candidates: [PixelImage],
        source: PixelImage,
        instruction: String
    ) throws -> [Double] {
        let group = try ScoreGroup(
            source: ScoreGroup.ImageFile(name: "source", bytes: PNGEncoder.encode(source)),
            instruction: instruction,
            requirement: Self.requirement,
            candidates: candidates.enumerated().map { index, image in
                ScoreGroup.Candidate(
                    id: String(index),
                    file: .success(ScoreGroup.ImageFile(name: "edit", bytes: try PNGEncoder.encode(image)))
                )
            },
            rubric: rubric
        )
        return try model.scorer.score(group).scores.map { item in
            switch item.outcome {
            case .score(let score): score.score
            case .failure(let failure): throw failure
            }
        }
    }
}
