import Foundation
import Shared

/// Vocabulary, merges and added tokens as the files of a model folder hold them.
struct TokenizerFiles {
    /// A token that stands for itself and takes no part in merging.
    struct AddedToken: Equatable {
        let id: Int
        let content: String
    }

    /// Path of the file with the vocabulary, for error messages.
    let path: String
    /// Id of each entry, in the characters of ``ByteAlphabet``.
    let vocabulary: [String: Int]
    /// Both sides of each merge, first rank first.
    let merges: [(left: Substring, right: Substring)]
    /// Added tokens in the order of their ids.
    let added: [AddedToken]

    /// Reads tokenizer.json, or vocab.json and merges.txt with the added tokens of tokenizer_config.json.
    ///
    /// - Parameter folder: Path of the model folder.
    /// - Throws: ``TokenizerError``.
    init(folder: String) throws(TokenizerError) {
        let whole = folder + "/tokenizer.json"
        let vocabulary = folder + "/vocab.json"
        let merges = folder + "/merges.txt"
        let files = FileManager.default
        if files.fileExists(atPath: whole) {
            try self.init(tokenizerJSON: whole)
        } else if files.fileExists(atPath: vocabulary), files.fileExists(atPath: merges) {
            try self.init(vocabulary: vocabulary, merges: merges, folder: folder)
        } else {
            throw .missing(folder: folder)
        }
    }

    private init(tokenizerJSON path: String) throws(TokenizerError) {
        let root = try Self.object(path)
        guard let model = root["model"] as? [String: Any], let vocabulary = Self.ids(model["vocab"]) else {
            throw .malformed(path: path, reason: "it has no model.vocab")
        }
        guard model["type"] as? String ?? "BPE" == "BPE" else {
            throw .unsupported(path: path, feature: "a model of type \(model["type"] ?? "?")")
        }
        for (name, none) in [("byte_fallback", "true"), ("ignore_merges", "true")]
        where (model[name] as? Bool) == true {
            throw .unsupported(path: path, feature: "model.\(name) = \(none)")
        }
        for name in ["continuing_subword_prefix", "end_of_word_suffix"]
        where !((model[name] as? String) ?? "").isEmpty {
            throw .unsupported(path: path, feature: "model.\(name)")
        }
        guard (root["normalizer"] as? [String: Any])?["type"] as? String == "NFC" else {
            throw .unsupported(path: path, feature: "a normalizer other than NFC")
        }
        guard let step = root["pre_tokenizer"] as? [String: Any], Self.isQwen2(preTokenizer: step) else {
            throw .unsupported(path: path, feature: "another pre-tokenizer")
        }
        var merges: [(Substring, Substring)] = []
        if let lines = model["merges"] as? [String] {
            for line in lines {
                merges.append(try Self.merge(line[...], path: path))
            }
        } else if let pairs = model["merges"] as? [[String]], pairs.allSatisfy({ $0.count == 2 }) {
            merges = pairs.map { ($0[0][...], $0[1][...]) }
        } else {
            throw .malformed(path: path, reason: "model.merges is no list of pairs")
        }
        var added: [AddedToken] = []
        for entry in root["added_tokens"] as? [Any] ?? [] {
            guard let entry = entry as? [String: Any], let id = entry["id"] as? Int,
                let content = entry["content"] as? String
            else {
                throw .malformed(path: path, reason: "an entry of added_tokens has no id or no content")
            }
            added.append(AddedToken(id: id, content: content))
        }
        self.path = path
        self.vocabulary = vocabulary
        self.merges = merges
        self.added = added.sorted { $0.id < $1.id }
    }

    private init(vocabulary path: String, merges mergesPath: String, folder: String) throws(TokenizerError) {
        guard let vocabulary = Self.ids(try Self.object(path)) else {
            throw .malformed(path: path, reason: "it is not a map from text to id")
        }
        guard let data = FileManager.default.contents(atPath: mergesPath),
            let text = String(data: data, encoding: .utf8)
        else {
            throw .malformed(path: mergesPath, reason: "it is not UTF-8 text")
        }
        var merges: [(Substring, Substring)] = []
        // Lines end in U+000A alone: other code points that break lines may be part of an entry.
        for (number, line) in text.unicodeScalars.split(separator: "\n").enumerated() {
            let line = Substring(line)
            if number == 0, line.hasPrefix("#version") { continue }
            merges.append(try Self.merge(line, path: mergesPath))
        }
        let configuration = folder + "/tokenizer_config.json"
        var added: [AddedToken] = []
        if FileManager.default.fileExists(atPath: configuration) {
            let root = try Self.object(configuration)
            let kind = root["tokenizer_class"] as? String ?? "Qwen2Tokenizer"
            guard ["Qwen2Tokenizer", "Qwen2TokenizerFast"].contains(kind) else {
                throw .unsupported(path: configuration, feature: "a tokenizer of class \(kind)")
            }
            for (key, value) in root["added_tokens_decoder"] as? [String: Any] ?? [:] {
                guard let id = Int(key), let content = (value as? [String: Any])?["content"] as? String else {
                    throw .malformed(
                        path: configuration,
                        reason: "added_tokens_decoder[\(key)] has no content"
                    )
                }
                added.append(AddedToken(id: id, content: content))
            }
        }
        let plain = folder + "/added_tokens.json"
        if added.isEmpty, FileManager.default.fileExists(atPath: plain) {
            guard let ids = Self.ids(try Self.object(plain)) else {
                throw .malformed(path: plain, reason: "it is not a map from text to id")
            }
            added = ids.map { AddedToken(id: $0.value, content: $0.key) }
        }
        self.path = path
        self.vocabulary = vocabulary
        self.merges = merges
        self.added = added.sorted { $0.id < $1.id }
    }

    private static func object(_ path: String) throws(TokenizerError) -> [String: Any] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .malformed(path: path, reason: "it cannot be read")
        }
        guard !JSONText.isPointer(data) else {
            throw .malformed(path: path, reason: "it is a pointer of Git LFS, not the file; run git lfs pull")
        }
        guard let object = JSONText.object(data) else {
            throw .malformed(path: path, reason: "it is not a JSON object")
        }
        return object
    }

    private static func ids(_ value: Any?) -> [String: Int]? {
        value as? [String: Int]
    }

    private static func merge(
        _ line: Substring,
        path: String
    ) throws(TokenizerError) -> (Substring, Substring) {
        let sides = line.split(separator: " ", omittingEmptySubsequences: false)
        guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
            throw .malformed(path: path, reason: "the merge \"\(line)\" has not two sides")
        }
        return (sides[0], sides[1])
    }

    /// Whether the step is the split by ``PreTokenizer/pattern`` followed by the byte alphabet.
    private static func isQwen2(preTokenizer step: [String: Any]) -> Bool {
        guard step["type"] as? String == "Sequence", let steps = step["pretokenizers"] as? [[String: Any]],
            steps.count == 2
        else { return false }
        let pattern = (steps[0]["pattern"] as? [String: Any])?["Regex"] as? String
        return steps[0]["type"] as? String == "Split" && pattern == PreTokenizer.pattern
            && steps[0]["behavior"] as? String == "Isolated" && steps[0]["invert"] as? Bool != true
            && steps[1]["type"] as? String == "ByteLevel" && steps[1]["add_prefix_space"] as? Bool != true
            && steps[1]["use_regex"] as? Bool != true
    }
}
