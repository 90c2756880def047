import Foundation

/// The small JSON files beside a tokenizer: special tokens, added tokens, and the longest sequence.
///
/// Source: huggingface/transformers 5.23.0, `tokenization_utils_base.py`.
struct TokenizerSettings {
    /// Special tokens by their key, `eos_token` for example.
    let specialTokens: [String: String]
    /// Tokens that are found in a text before it is cut into pieces, by id.
    let addedTokens: [Int: AddedToken]
    /// Tokens that a sequence is cut to by default; nil when the files do not say.
    let maximumLength: Int?
    /// How many sentinels `<extra_id_…>` T5 has; nil when the files do not say.
    let sentinelCount: Int?

    /// Reads `special_tokens_map.json` and `tokenizer_config.json` as far as they are there; the latter wins.
    ///
    /// - Parameter folder: The tokenizer's folder.
    /// - Throws: ``TextTokenizerError/malformed(path:reason:)``.
    init(folder: String) throws {
        let map = try TokenizerSettings.object(folder + "/special_tokens_map.json") ?? [:]
        let configuration = try TokenizerSettings.object(folder + "/tokenizer_config.json") ?? [:]
        var specialTokens: [String: String] = [:]
        for (key, value) in map.merging(configuration, uniquingKeysWith: { $1 }) where key.hasSuffix("_token")
        {
            if let text = value as? String {
                specialTokens[key] = text
            } else if let fields = value as? [String: Any], let text = fields["content"] as? String {
                specialTokens[key] = text
            }
        }
        var addedTokens: [Int: AddedToken] = [:]
        for (key, value) in configuration["added_tokens_decoder"] as? [String: Any] ?? [:] {
            guard let id = Int(key), id >= 0, let token = AddedToken(value, id: id) else {
                throw TextTokenizerError.malformed(
                    path: folder + "/tokenizer_config.json",
                    reason: "added token \(key) is damaged"
                )
            }
            addedTokens[id] = token
        }
        self.specialTokens = specialTokens
        self.addedTokens = addedTokens
        sentinelCount = configuration["extra_ids"] as? Int
        // A length that nobody chose is written as 10³⁰.
        let length = (configuration["model_max_length"] as? NSNumber)?.doubleValue
        maximumLength = length.flatMap { $0 >= 1 && $0 <= 1_000_000 ? Int($0) : nil }
    }

    /// Reads a JSON object; nil when the file is not there.
    static func object(_ path: String) throws -> [String: Any]? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard
            let data = try? Data(contentsOf: URL(filePath: path)),
            let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { throw TextTokenizerError.malformed(path: path, reason: "it is not a JSON object") }
        return object
    }
}
