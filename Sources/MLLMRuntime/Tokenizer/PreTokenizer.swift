/// Cuts text into the pieces inside which tokens are merged.
///
/// It does what the regular expression ``pattern`` says, alternative by alternative, first match wins.
///
/// Source: `pre_tokenizer` in tokenizer.json of Qwen2; `docs` of the classes in ``CharacterClass``.
enum PreTokenizer {
    /// The expression as tokenizer.json spells it.
    static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
        + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// The pieces of a text, in order; together they are the text.
    ///
    /// - Parameter scalars: The text after NFC.
    /// - Returns: Ranges of `scalars`, none empty.
    static func pieces(of scalars: [Unicode.Scalar]) -> [Range<Int>] {
        let classes = scalars.map { CharacterClass($0) }
        var pieces: [Range<Int>] = []
        var start = 0
        while start < scalars.count {
            let end =
                contraction(scalars, at: start)
                ?? word(classes, at: start)
                ?? (classes[start] == .number ? start + 1 : nil)
                ?? symbols(scalars, classes, at: start)
                ?? whitespace(classes, at: start)
            pieces.append(start..<end)
            start = end
        }
        return pieces
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`; the long s folds to s.
    private static func contraction(_ scalars: [Unicode.Scalar], at start: Int) -> Int? {
        guard scalars[start] == "'", start + 1 < scalars.count else { return nil }
        let first = folded(scalars[start + 1])
        switch first {
        case "s", "t", "m", "d":
            return start + 2
        case "r", "v", "l":
            guard start + 2 < scalars.count else { return nil }
            return folded(scalars[start + 2]) == (first == "l" ? "l" : "e") ? start + 3 : nil
        default:
            return nil
        }
    }

    private static func folded(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar == "\u{17F}" { return "s" }
        guard ("A"..."Z").contains(scalar) else { return scalar }
        return Unicode.Scalar(scalar.value + 32) ?? scalar
    }

    /// Letters: `[^\r\n\p{L}\p{N}]?\p{L}+`.
    private static func word(_ classes: [CharacterClass], at start: Int) -> Int? {
        var end = start
        if classes[end] == .space || classes[end] == .other {
            end += 1
        }
        let letters = end
        while end < classes.count, classes[end] == .letter {
            end += 1
        }
        return end > letters ? end : nil
    }

    /// Symbols: ` ?[^\s\p{L}\p{N}]+[\r\n]*`.
    private static func symbols(
        _ scalars: [Unicode.Scalar],
        _ classes: [CharacterClass],
        at start: Int
    ) -> Int? {
        var end = scalars[start] == " " ? start + 1 : start
        let first = end
        while end < classes.count, classes[end] == .other {
            end += 1
        }
        guard end > first else { return nil }
        while end < classes.count, classes[end] == .lineBreak {
            end += 1
        }
        return end
    }

    /// `\s*[\r\n]+`, then `\s+(?!\S)`, then `\s+`.
    private static func whitespace(_ classes: [CharacterClass], at start: Int) -> Int {
        var end = start
        var afterLastBreak: Int?
        while end < classes.count, classes[end].isWhitespace {
            end += 1
            if classes[end - 1] == .lineBreak {
                afterLastBreak = end
            }
        }
        if let afterLastBreak { return afterLastBreak }
        return end == classes.count || end - start == 1 ? end : end - 1
    }
}
