import Shared

/// Text to token ids and back, as the Qwen2 family of models does it.
///
/// Text is brought to NFC by ``CanonicalComposition``, cut into pieces by ``PreTokenizer``, and the UTF-8
/// bytes of each piece are merged by ``BytePairEncoder``. Text never becomes an added token, whatever it
/// spells: only the chat template inserts those.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen2/tokenization_qwen2.py`.
package final class Tokenizer: Sendable {
    /// Ids that are in use: the highest one plus 1.
    package let tokenCount: Int

    private let encoder: BytePairEncoder
    private let bytesOfToken: [Int32: [UInt8]]
    private let addedTokens: [String: Int]
    private let textOfAdded: [Int: String]
    private let cache = Lock(WordCache())

    /// Reads the tokenizer of a model folder.
    ///
    /// - Parameter folder: Path of a folder with tokenizer.json, or with vocab.json and merges.txt.
    /// - Throws: ``TokenizerError``.
    package convenience init(folder: String) throws(TokenizerError) {
        try self.init(try TokenizerFiles(folder: folder))
    }

    init(_ files: TokenizerFiles) throws(TokenizerError) {
        func malformed(_ reason: String) -> TokenizerError { .malformed(path: files.path, reason: reason) }
        let added = Dictionary(files.added.map { ($0.content, $0.id) }) { first, _ in first }
        var idOfBytes: [[UInt8]: Int32] = [:]
        var bytesOfToken: [Int32: [UInt8]] = [:]
        idOfBytes.reserveCapacity(files.vocabulary.count)
        bytesOfToken.reserveCapacity(files.vocabulary.count)
        for (entry, id) in files.vocabulary where added[entry] == nil {
            guard (0..<10_000_000).contains(id) else {
                throw malformed("the id \(id) of \"\(entry)\" is absurd")
            }
            guard let bytes = ByteAlphabet.bytes(of: entry) else {
                throw malformed("the entry \"\(entry)\" is not written in the byte alphabet")
            }
            idOfBytes[bytes] = Int32(id)
            guard bytesOfToken.updateValue(bytes, forKey: Int32(id)) == nil else {
                throw malformed("two entries have the id \(id)")
            }
        }
        var tokenOfByte: [Int32] = []
        for byte in UInt8.min...UInt8.max {
            guard let id = idOfBytes[[byte]] else { throw malformed("byte \(byte) has no token") }
            tokenOfByte.append(id)
        }
        var merges: [UInt64: BytePairEncoder.Merge] = [:]
        merges.reserveCapacity(files.merges.count)
        for (rank, merge) in files.merges.enumerated() {
            guard let left = ByteAlphabet.bytes(of: merge.left),
                let right = ByteAlphabet.bytes(of: merge.right),
                let leftID = idOfBytes[left], let rightID = idOfBytes[right], let id = idOfBytes[left + right]
            else {
                throw malformed(
                    "the merge of \"\(merge.left)\" and \"\(merge.right)\" is not in the vocabulary"
                )
            }
            merges[BytePairEncoder.key(leftID, rightID)] = .init(rank: Int32(rank), token: id)
        }
        encoder = BytePairEncoder(tokenOfByte: tokenOfByte, merges: merges)
        self.bytesOfToken = bytesOfToken
        addedTokens = added
        textOfAdded = Dictionary(files.added.map { ($0.id, $0.content) }) { first, _ in first }
        tokenCount = 1 + max(bytesOfToken.keys.max().map(Int.init) ?? 0, files.added.last?.id ?? 0)
    }

    /// The ids of a text; added tokens are not looked for in it.
    package func encode(_ text: String) -> [Int] {
        let scalars = CanonicalComposition.apply(text)
        var ids: [Int] = []
        ids.reserveCapacity(scalars.count / 3)
        for piece in PreTokenizer.pieces(of: scalars) {
            var bytes: [UInt8] = []
            for scalar in scalars[piece] {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
            ids.append(contentsOf: tokens(of: bytes).lazy.map(Int.init))
        }
        return ids
    }

    /// The text of some ids; bytes that are not UTF-8 become U+FFFD, unknown ids nothing.
    package func decode(_ ids: [Int]) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            if let text = textOfAdded[id] {
                bytes.append(contentsOf: text.utf8)
            } else if let known = Int32(exactly: id).flatMap({ bytesOfToken[$0] }) {
                bytes.append(contentsOf: known)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text of one id, with U+FFFD for bytes that are no whole character; nil for an id without a token.
    package func tokenText(_ id: Int) -> String? {
        if let text = textOfAdded[id] { return text }
        guard let bytes = Int32(exactly: id).flatMap({ bytesOfToken[$0] }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The id of an added token such as `<|im_start|>`; nil when the tokenizer has no such token.
    package func addedToken(_ content: String) -> Int? {
        addedTokens[content]
    }

    private func tokens(of bytes: [UInt8]) -> [Int32] {
        guard bytes.count <= WordCache.longestWord else { return encoder.tokens(of: bytes) }
        if let known = cache.withLock({ $0[bytes] }) { return known }
        let tokens = encoder.tokens(of: bytes)
        cache.withLock { $0[bytes] = tokens }
        return tokens
    }
}

/// Tokens of words seen before, bounded in number; emptied when full.
private struct WordCache {
    static let longestWord = 64
    private static let limit = 20_000
    private var tokens: [[UInt8]: [Int32]] = [:]

    subscript(word: [UInt8]) -> [Int32]? {
        get { tokens[word] }
        set {
            if tokens.count >= Self.limit {
                tokens.removeAll(keepingCapacity: true)
            }
            tokens[word] = newValue
        }
    }
}
