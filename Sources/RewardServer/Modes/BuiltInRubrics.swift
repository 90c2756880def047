import Shared

/// The rubrics that the program brings along.
enum BuiltInRubrics {
    /// The text of `edit-r1`: our wording of the published question, scale 0 to 5.
    ///
    /// Source: the meaning of `reward_server/prompt_template.py` in PKU-YuanGroup/Edit-R1 and of arXiv:2510.16888,
    /// appendix C; the bare number as the last line makes the first generated token the rating.
    private static let template = """
        The first image is the source, the second is the result of an edit. \
        Judge the result against the instruction and the requirement.
        Instruction: {instruction}
        Requirements: {requirement}
        Give one whole number between 0 and 5 for how correct and how good the edit is.
        0: something else was edited, or the requirement was not met at all.
        5: the intended thing was edited, the requirement is met, and the picture looks good.
        Answer with the number only:
        0-5
        """

    private static let labels = (0...5).map { RubricLabel(tokens: [String($0)], value: Double($0)) }

    /// `edit-r1` (source, edited, text: the published order) and `edit-r1-text-first` (source, text, edited).
    static let documents = [
        RubricDocument(
            name: "edit-r1",
            template: template,
            order: .published,
            labels: labels,
            normalize: "minmax"
        ),
        RubricDocument(
            name: "edit-r1-text-first",
            template: template,
            order: .textBeforeEdited,
            labels: labels,
            normalize: "minmax"
        ),
    ]

    /// The name that is used when neither the request nor the model's folder says otherwise.
    static let defaultName = "edit-r1"
}
