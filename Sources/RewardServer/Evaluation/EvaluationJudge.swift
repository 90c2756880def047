import Shared

/// Who is evaluated: a model in this process or behind a server, and the rubric it is asked with.
struct EvaluationJudge {
    /// The model's name.
    var model: String
    /// The identity of the model's files.
    var fingerprint: String
    /// The identity of the image preprocessing.
    var preprocessHash: String
    /// The rubric.
    var rubric: Rubric
    /// The rubric as the user names it: its name or file; `nil` for the model's own.
    var rubricName: String?
    /// Most edits of one question.
    var groupLimit: Int
    /// Asks; throws for the whole question what no answer can be had for.
    var answer: (ShellQuestion) throws -> ShellAnswer

    /// Edits that are asked about at a time: they share the work on the source image.
    static let usualGroup = 12
}

extension EvaluationJudge {
    /// A model in this process.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - rubric: A rubric's name or file; `nil` takes the model's own.
    /// - Throws: ``RubricError``.
    init(_ model: ServedModel, rubric: String?) throws {
        self.init(
            model: model.identity.name,
            fingerprint: model.identity.fingerprint,
            preprocessHash: model.identity.preprocessHash,
            rubric: try model.rubrics.rubric(ShellQuestion.rubricReference(rubric)),
            rubricName: rubric,
            groupLimit: Self.usualGroup,
            answer: LocalScoring(model: model).answer
        )
    }
}
