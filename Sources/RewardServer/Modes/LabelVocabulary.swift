/// What a rubric asks of a tokenizer: the ids of its labels, and their texts for messages.
protocol LabelVocabulary {
    /// The ids of a text, in which special tokens have no power.
    func tokens(of text: String) -> [Int]

    /// The text of one id, for messages.
    func text(ofToken token: Int) -> String
}
