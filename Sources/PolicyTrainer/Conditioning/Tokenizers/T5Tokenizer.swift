import Foundation

/// T5's unigram tokenizer, from `tokenizer.json` or `spiece.model`.
///
/// The text is normalised by the file's compiled rules (if it has any), cut at white space, and each word is
/// segmented with `▁` before it.
/// Source: huggingface/transformers 5.23.0, `models/t5/tokenization_t5.py`; huggingface/tokenizers,
/// `pre_tokenizers/metaspace.rs`.
struct T5Tokenizer: Sendable {
    /// Tokens of the longest sequence, if the files say.
    let maximumLength: Int?
    /// The highest id that this tokenizer gives.
    let largestID: Int
    private let end: Int
    private let padding: Int
    private let addedTokens: [AddedToken]
    private let characters: PrecompiledCharacters?
    private let model: UnigramModel

    /// Loads the files.
    ///
    /// - Parameter folder: The tokenizer's folder.
    /// - Throws: ``TextTokenizerError`` that names the file and what is wrong or not supported.
    init(folder: String) throws {
        let settings = try TokenizerSettings(folder: folder)
        let vocabulary = try T5Vocabulary(folder: folder, settings: settings)
        model = UnigramModel(vocabulary: vocabulary.entries, unknown: vocabulary.unknown)
        let added = vocabulary.addedTokens.merging(settings.addedTokens) { $1 }
        addedTokens = added.values.sorted { $0.id < $1.id }
        largestID = max(vocabulary.entries.count - 1, added.keys.max() ?? 0)
        func id(_ key: String, default text: String) throws -> Int {
            let token = settings.specialTokens[key] ?? text
            if let id = added.values.first(where: { $0.content.elementsEqual(token.unicodeScalars) })?.id {
                return id
            }
            guard let id = vocabulary.entries.firstIndex(where: { $0.text.elementsEqual(token.utf8) }) else {
                throw TextTokenizerError.malformed(
                    path: vocabulary.path,
                    reason: "\(key) \(token) has no id"
                )
            }
            return id
        }
        end = try id("eos_token", default: "</s>")
        padding = try id("pad_token", default: "<pad>")
        maximumLength = settings.maximumLength
        characters = vocabulary.characters
    }

    /// Token ids of a text with the end token, cut and padded.
    ///
    /// - Parameters:
    ///   - text: Any text.
    ///   - length: How many ids to give, at least 1.
    /// - Returns: `[length]`.
    func encode(_ text: String, length: Int) -> [Int] {
        let ids = tokens(text).prefix(max(0, length - 1)) + [end]
        return ids + [Int](repeating: padding, count: max(0, length - ids.count))
    }

    /// Token ids of a text without the end token.
    func tokens(_ text: String) -> [Int] {
        let pieces = AddedToken.split(text, at: addedTokens) { characters?.normalize($0) ?? $0 }
        return pieces.flatMap { piece -> [Int] in
            switch piece {
            case .token(let id): [id]
            case .text(let scalars): words(scalars).flatMap(model.encode)
            }
        }
    }

    /// Words in UTF-8, each with one `▁` before it; a `▁` inside a word begins a new piece.
    private func words(_ text: [Unicode.Scalar]) -> [[UInt8]] {
        let mark: Unicode.Scalar = "\u{2581}"
        var pieces: [[UInt8]] = []
        for word in text.split(whereSeparator: \.properties.isWhitespace) {
            var piece = String(mark)
            for (index, scalar) in word.enumerated() {
                if scalar == mark {
                    if index == 0 { continue }
                    pieces.append(Array(piece.utf8))
                    piece = ""
                }
                piece.unicodeScalars.append(scalar)
            }
            pieces.append(Array(piece.utf8))
        }
        return pieces
    }
}
