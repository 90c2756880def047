import Shared

/// Scoring in this process, by the way that HTTP goes, too.
struct LocalScoring {
    /// The model.
    let model: ServedModel

    /// Scores the images of a question.
    ///
    /// - Parameter question: The question.
    /// - Returns: One row for each image.
    /// - Throws: ``RequestError``, ``RubricError``, what the runtime throws.
    func answer(to question: ShellQuestion) throws -> ShellAnswer {
        let group = try ScoreGroup(
            source: question.sourceFile(),
            instruction: question.instruction,
            requirement: question.requirement,
            candidates: question.candidates(),
            rubric: model.rubrics.rubric(question.rubricReference())
        )
        let response = try model.scorer.score(group)
        return ShellAnswer(
            model: response.model,
            rubric: response.rubric.name,
            rows: zip(question.edited, response.scores).map {
                ShellAnswer.Row(image: $0, outcome: $1.outcome)
            }
        )
    }
}
