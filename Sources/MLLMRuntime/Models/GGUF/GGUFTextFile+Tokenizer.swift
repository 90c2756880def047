import Shared

extension GGUFTextFile {
    /// Kinds of tokens, under the numbers that llama.cpp gives them.
    ///
    /// Source: gguf 0.19.0, `TokenType` in `gguf/constants.py`.
    private enum TokenKind: Int {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    /// The tokenizer that the metadata describes.
    ///
    /// Control and user-defined tokens stand for themselves; unused ones pad the table and are left out.
    ///
    /// - Throws: ``TokenizerError``.
    func tokenizer() throws(TokenizerError) -> Tokenizer {
        let metadata = file.metadata
        let model = metadata.text("tokenizer.ggml.model") ?? "none"
        let step = metadata.text("tokenizer.ggml.pre") ?? "none"
        guard model == "gpt2", step == "qwen2" else {
            throw .unsupported(path: file.path, feature: "a tokenizer \(model) with pre-tokenizer \(step)")
        }
        guard let tokens = metadata.texts("tokenizer.ggml.tokens"),
            let lines = metadata.texts("tokenizer.ggml.merges")
        else { throw malformed("tokenizer.ggml.tokens or tokenizer.ggml.merges is missing") }
        let types = metadata.integers("tokenizer.ggml.token_type")
        guard let types, types.count == tokens.count else {
            throw malformed("tokenizer.ggml.token_type has not one number for each of \(tokens.count) tokens")
        }
        var vocabulary: [String: Int] = [:]
        var added: [TokenizerFiles.AddedToken] = []
        vocabulary.reserveCapacity(tokens.count)
        for (id, (token, type)) in zip(tokens, types).enumerated() {
            switch TokenKind(rawValue: type) {
            case .normal:
                guard vocabulary.updateValue(id, forKey: token) == nil else {
                    throw malformed("two tokens are \"\(token)\"")
                }
            case .control, .userDefined: added.append(.init(id: id, content: token))
            case .unused: break
            case .unknown, .byte, nil: throw malformed("the token \(id) is of the kind \(type)")
            }
        }
        var merges: [(left: Substring, right: Substring)] = []
        merges.reserveCapacity(lines.count)
        for line in lines {
            let sides = line.split(separator: " ", omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
                throw malformed("the merge \"\(line)\" has not two sides")
            }
            merges.append((sides[0], sides[1]))
        }
        return try Tokenizer(
            TokenizerFiles(path: file.path, vocabulary: vocabulary, merges: merges, added: added)
        )
    }

    private func malformed(_ reason: String) -> TokenizerError {
        .malformed(path: file.path, reason: reason)
    }
}
