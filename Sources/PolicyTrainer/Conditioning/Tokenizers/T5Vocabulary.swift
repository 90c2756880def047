import Foundation

/// What T5's tokenizer takes from `tokenizer.json`, or from `spiece.model` where that is missing.
struct T5Vocabulary {
    /// Text and score of every token, by id.
    var entries: [(text: [UInt8], score: Double)] = []
    /// Id of the token for characters that no token covers.
    var unknown = 0
    /// Tokens that the file itself says are found before a text is cut.
    var addedTokens: [Int: AddedToken] = [:]
    /// The compiled normalisation rules.
    var characters: PrecompiledCharacters?
    /// The file, for error messages.
    let path: String

    /// Sentinels that T5 has behind SentencePiece's vocabulary unless the configuration says otherwise.
    private static let sentinelCount = 100

    /// Reads the file that is there.
    ///
    /// - Parameters:
    ///   - folder: The tokenizer's folder.
    ///   - settings: The files beside it.
    /// - Throws: ``TextTokenizerError`` that names the file and what is wrong or not supported.
    init(folder: String, settings: TokenizerSettings) throws {
        let path = folder + "/tokenizer.json"
        if let file = try TokenizerSettings.object(path) {
            self.path = path
            try read(file)
        } else {
            self.path = folder + "/spiece.model"
            guard FileManager.default.fileExists(atPath: self.path) else {
                throw TextTokenizerError.malformed(
                    path: path,
                    reason: "it is missing, and so is spiece.model beside it"
                )
            }
            try read(SentencePieceFile(path: self.path), settings: settings)
        }
    }

    private func malformed(_ reason: String) -> TextTokenizerError { .malformed(path: path, reason: reason) }

    /// Source: huggingface/transformers 5.23.0, `convert_slow_tokenizer.py`, T5Converter.
    private mutating func read(_ file: SentencePieceFile, settings: TokenizerSettings) throws {
        entries = file.pieces.map { ($0.text, $0.score) }
        unknown = file.unknown
        if !file.rules.isEmpty {
            guard let rules = PrecompiledCharacters(file.rules) else {
                throw malformed("its precompiled_charsmap is damaged")
            }
            characters = rules
        }
        for (id, piece) in file.pieces.enumerated() where piece.kind != .normal && piece.kind != .unused {
            addedTokens[id] = AddedToken(id: id, content: String(decoding: piece.text, as: UTF8.self))
        }
        guard settings.addedTokens.isEmpty else { return }
        let count = max(0, settings.sentinelCount ?? Self.sentinelCount)
        for index in 0..<count {
            // The sentinels count downwards.
            let id = entries.count + count - 1 - index
            addedTokens[id] = AddedToken(id: id, content: "<extra_id_\(index)>")
        }
    }

    private mutating func read(_ file: [String: Any]) throws {
        guard let model = file["model"] as? [String: Any], let entries = model["vocab"] as? [[Any]] else {
            throw malformed("it has no model with a vocab of pairs")
        }
        guard (model["type"] as? String ?? "Unigram") == "Unigram" else {
            throw TextTokenizerError.unsupported(path: path, what: "a model of type \(model["type"] ?? "")")
        }
        guard model["byte_fallback"] as? Bool != true else {
            throw TextTokenizerError.unsupported(path: path, what: "byte_fallback")
        }
        for (id, entry) in entries.enumerated() {
            guard
                entry.count == 2, let text = entry[0] as? String,
                let score = (entry[1] as? NSNumber)?.doubleValue
            else { throw malformed("entry \(id) of its vocab is not a text and a score") }
            self.entries.append((Array(text.utf8), score))
        }
        guard let unknown = model["unk_id"] as? Int, self.entries.indices.contains(unknown) else {
            throw malformed("it has no unk_id inside its vocab")
        }
        self.unknown = unknown
        for entry in file["added_tokens"] as? [[String: Any]] ?? [] {
            guard let id = entry["id"] as? Int, let token = AddedToken(entry, id: id) else {
                throw malformed("an added token is damaged")
            }
            addedTokens[id] = token
        }
        characters = try characters(file["normalizer"])
        try checkPreTokenizer(file["pre_tokenizer"])
    }

    /// The compiled rules of a normaliser: null, one of type Precompiled, or a sequence with one.
    private func characters(_ json: Any?) throws -> PrecompiledCharacters? {
        guard let fields = json as? [String: Any] else { return nil }
        switch fields["type"] as? String {
        case "Precompiled":
            guard
                let text = fields["precompiled_charsmap"] as? String, let blob = Data(base64Encoded: text),
                let characters = PrecompiledCharacters(Array(blob))
            else {
                throw malformed("its precompiled_charsmap is damaged")
            }
            return characters
        case "Sequence":
            let parts = fields["normalizers"] as? [[String: Any]] ?? []
            let precompiled = parts.filter { $0["type"] as? String == "Precompiled" }
            return try precompiled.first.flatMap { try characters($0) }
        case let other:
            throw TextTokenizerError.unsupported(path: path, what: "normalizer \(other ?? "without a type")")
        }
    }

    /// Refuses a pre-tokenizer other than white space and `▁` before every word, which T5's class sets in any case.
    private func checkPreTokenizer(_ json: Any?) throws {
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
}
