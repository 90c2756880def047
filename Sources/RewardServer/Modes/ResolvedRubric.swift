/// A rubric together with the ids that one model gives to its labels.
struct ResolvedRubric: Sendable {
    /// The rubric.
    let rubric: Rubric
    /// The ids of each label's spellings, in the order of the rubric's labels.
    let tokens: [[Int]]

    /// Looks the labels up in a model's vocabulary.
    ///
    /// - Parameters:
    ///   - rubric: The rubric.
    ///   - vocabulary: The model's tokenizer; ids are never assumed.
    /// - Throws: ``RubricError/notOneToken(rubric:label:tokenization:)`` or
    ///   ``RubricError/sameToken(rubric:first:second:token:)``.
    init(_ rubric: Rubric, vocabulary: any LabelVocabulary) throws(RubricError) {
        var owners: [Int: String] = [:]
        var tokens: [[Int]] = []
        for label in rubric.labels {
            var ids: [Int] = []
            for spelling in label.tokens {
                let found = vocabulary.tokens(of: spelling)
                guard found.count == 1, let id = found.first else {
                    let pieces = found.prefix(16).map { "\"\(vocabulary.text(ofToken: $0))\" (\($0))" }
                    throw .notOneToken(
                        rubric: rubric.name,
                        label: spelling,
                        tokenization: pieces.isEmpty ? "no token at all" : pieces.joined(separator: " ")
                    )
                }
                if let owner = owners[id] {
                    throw .sameToken(rubric: rubric.name, first: owner, second: spelling, token: id)
                }
                owners[id] = spelling
                ids.append(id)
            }
            tokens.append(ids)
        }
        self.rubric = rubric
        self.tokens = tokens
    }

    /// The ids of all labels in one row, as ``ScoreDistribution`` expects their logits.
    var flatTokens: [Int] { tokens.flatMap(\.self) }
}
