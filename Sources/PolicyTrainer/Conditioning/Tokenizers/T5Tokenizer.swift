internal import Foundation

/// T5's unigram tokenizer, from `tokenizer.json`.
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
        let path = folder + "/tokenizer.json"
        func malformed(_ reason: String) -> TextTokenizerError { .malformed(path: path, reason: reason) }
        guard let file = try TokenizerSettings.object(path) else {
            throw malformed("it is missing; convert spiece.model with transformers")
        }
        guard let model = file["model"] as? [String: Any], let entries = model["vocab"] as? [[Any]] else {
            throw malformed("it has no model with a vocab of pairs")
        }
        guard (model["type"] as? String ?? "Unigram") == "Unigram" else {
            throw TextTokenizerError.unsupported(path: path, what: "a model of type \(model["type"] ?? "")")
        }
        guard model["byte_fallback"] as? Bool != true else {
            throw TextTokenizerError.unsupported(path: path, what: "byte_fallback")
        }
        var vocabulary: [(text: [UInt8], score: Double)] = []
        for (id, entry) in entries.enumerated() {
            guard
                entry.count == 2, let text = entry[0] as? String,
                let score = (entry[1] as? NSNumber)?.doubleValue
            else { throw malformed("entry \(id) of its vocab is not a text and a score") }
            vocabulary.append((Array(text.utf8), score))
        }
        guard let unknown = model["unk_id"] as? Int, vocabulary.indices.contains(unknown) else {
            throw malformed("it has no unk_id inside its vocab")
        }
        self.model = UnigramModel(vocabulary: vocabulary, unknown: unknown)
        let settings = try TokenizerSettings(folder: folder)
        var added: [Int: AddedToken] = [:]
        for entry in file["added_tokens"] as? [[String: Any]] ?? [] {
            guard let id = entry["id"] as? Int, let token = AddedToken(entry, id: id) else {
                throw malformed("an added token is damaged")
            }
            added[id] = token
        }
        added.merge(settings.addedTokens) { $1 }
        addedTokens = added.values.sorted { $0.id < $1.id }
        largestID = max(vocabulary.count - 1, added.keys.max() ?? 0)
        func id(_ key: String, default text: String) throws -> Int {
            let token = settings.specialTokens[key] ?? text
            if let id = added.values.first(where: { $0.content.elementsEqual(token.unicodeScalars) })?.id {
                return id
            }
            guard let id = vocabulary.firstIndex(where: { $0.text.elementsEqual(token.utf8) }) else {
                throw malformed("\(key) \(token) has no id")
            }
            return id
        }
        end = try id("eos_token", default: "</s>")
        padding = try id("pad_token", default: "<pad>")
        maximumLength = settings.maximumLength
        characters = try T5Tokenizer.characters(file["normalizer"], path: path)
        try T5Tokenizer.checkPreTokenizer(file["pre_tokenizer"], path: path)
    }

    /// The compiled rules of a normaliser: null, one of type Precompiled, or a sequence with one.
    private static func characters(_ json: Any?, path: String) throws -> PrecompiledCharacters? {
        guard let fields = json as? [String: Any] else { return nil }
        switch fields["type"] as? String {
        case "Precompiled":
            guard
                let text = fields["precompiled_charsmap"] as? String, let blob = Data(base64Encoded: text),
                let characters = PrecompiledCharacters(Array(blob))
            else {
                throw TextTokenizerError.malformed(path: path, reason: "its precompiled_charsmap is damaged")
            }
            return characters
        case "Sequence":
            let parts = fields["normalizers"] as? [[String: Any]] ?? []
            let precompiled = parts.filter { $0["type"] as? String == "Precompiled" }
            return try precompiled.first.flatMap { try characters($0, path: path) }
        case let other:
            throw TextTokenizerError.unsupported(path: path, what: "normalizer \(other ?? "without a type")")
        }
    }

    /// Refuses a pre-tokenizer other than white space and `▁` before every word, which T5's class sets in any case.
    private static func checkPreTokenizer(_ json: Any?, path: String) throws {
        guard let fields = json as? [String: Any] else { return }
        let parts = fields["pretokenizers"] as? [[String: Any]] ?? [fields]
        for part in parts {
            let type = part["type"] as? String ?? ""
            let replacement = part["replacement"] as? String ?? "\u{2581}"
            guard ["WhitespaceSplit", "Metaspace"].contains(type), replacement == "\u{2581}" else {
                throw TextTokenizerError.unsupported(path: path, what: "pre-tokenizer \(type)")
            }
        }
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
