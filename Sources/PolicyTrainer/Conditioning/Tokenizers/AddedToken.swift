import Foundation

/// A token that is recognised as a whole before a text is cut into pieces.
///
/// Source: huggingface/tokenizers, `tokenizers/src/tokenizer/added_vocabulary.rs`.
struct AddedToken: Equatable, Sendable {
    let id: Int
    let content: [Unicode.Scalar]
    /// Whether it is looked for in the normalised text instead of the text as given.
    let isNormalized: Bool
    /// Whether letters, digits and `_` beside it prevent the match.
    let isWord: Bool
    /// Whether it takes the white space before it.
    let stripsLeft: Bool
    /// Whether it takes the white space after it.
    let stripsRight: Bool

    /// Reads the object that `tokenizer.json` and `tokenizer_config.json` hold; nil when it is damaged.
    init?(_ json: Any, id: Int) {
        guard let fields = json as? [String: Any], let text = fields["content"] as? String, !text.isEmpty
        else {
            return nil
        }
        self.init(
            id: id,
            content: text,
            isNormalized: fields["normalized"] as? Bool ?? false,
            isWord: fields["single_word"] as? Bool ?? false,
            stripsLeft: fields["lstrip"] as? Bool ?? false,
            stripsRight: fields["rstrip"] as? Bool ?? false
        )
    }

    /// Makes a token in code.
    init(
        id: Int,
        content: String,
        isNormalized: Bool = false,
        isWord: Bool = false,
        stripsLeft: Bool = false,
        stripsRight: Bool = false
    ) {
        self.id = id
        self.content = Array(content.unicodeScalars)
        self.isNormalized = isNormalized
        self.isWord = isWord
        self.stripsLeft = stripsLeft
        self.stripsRight = stripsRight
    }

    /// A piece of a text after added tokens have been taken out.
    enum Piece: Equatable {
        case text([Unicode.Scalar])
        case token(Int)
    }

    /// Cuts a text at the added tokens in it: first those of the raw text, then those of the normalised rest.
    ///
    /// - Parameters:
    ///   - text: The text as given.
    ///   - tokens: The tokens to look for.
    ///   - normalize: The tokenizer's normaliser.
    /// - Returns: Tokens and normalised text between them, in order.
    static func split(
        _ text: String,
        at tokens: [AddedToken],
        normalize: ([Unicode.Scalar]) -> [Unicode.Scalar]
    ) -> [Piece] {
        let raw = tokens.filter { !$0.isNormalized }
        let normalized = tokens.filter(\.isNormalized).map { token in
            AddedToken(
                id: token.id,
                content: String(String.UnicodeScalarView(normalize(token.content))),
                isNormalized: true,
                isWord: token.isWord,
                stripsLeft: token.stripsLeft,
                stripsRight: token.stripsRight
            )
        }
        return cut(Array(text.unicodeScalars), at: raw).flatMap { piece -> [Piece] in
            switch piece {
            case .token: [piece]
            case .text(let scalars): cut(normalize(scalars), at: normalized)
            }
        }
    }

    /// Leftmost match first, the longest of those that start at one place.
    private static func cut(_ text: [Unicode.Scalar], at tokens: [AddedToken]) -> [Piece] {
        guard !tokens.isEmpty else { return text.isEmpty ? [] : [.text(text)] }
        var pieces: [Piece] = []
        var start = 0
        var index = 0
        while index < text.count {
            guard let token = match(text, at: index, tokens: tokens) else {
                index += 1
                continue
            }
            var before = index
            var after = index + token.content.count
            if token.stripsLeft {
                while before > start, text[before - 1].properties.isWhitespace { before -= 1 }
            }
            if token.stripsRight {
                while after < text.count, text[after].properties.isWhitespace { after += 1 }
            }
            if before > start { pieces.append(.text(Array(text[start..<before]))) }
            pieces.append(.token(token.id))
            start = after
            index = after
        }
        if start < text.count { pieces.append(.text(Array(text[start...]))) }
        return pieces
    }

    private static func match(_ text: [Unicode.Scalar], at index: Int, tokens: [AddedToken]) -> AddedToken? {
        var best: AddedToken?
        for token in tokens where token.content.count > (best?.content.count ?? 0) {
            let end = index + token.content.count
            guard end <= text.count, text[index..<end].elementsEqual(token.content) else { continue }
            best = token
        }
        guard let best, best.isWord else { return best }
        let end = index + best.content.count
        let touches =
            (index > 0 && isWordPart(text[index - 1])) || (end < text.count && isWordPart(text[end]))
        return touches ? nil : best
    }

    private static func isWordPart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
}
