/// SentencePiece's unigram model: the segmentation of a piece of text with the highest sum of scores.
///
/// Source: Kudo, "Subword Regularization" (2018); huggingface/tokenizers, `models/unigram/model.rs`.
struct UnigramModel: Sendable {
    /// How much worse than the worst token a character without a token is.
    private static let unknownPenalty = 10.0

    private let scores: [Double]
    private let unknown: Int
    private let unknownScore: Double
    /// Children of each trie node by byte, and the token that ends there.
    private var children: [[UInt8: Int]] = [[:]]
    private var tokens: [Int?] = [nil]

    /// Builds the trie of all tokens.
    ///
    /// - Parameters:
    ///   - vocabulary: Text and score of every token, by id.
    ///   - unknown: Id of the token for characters that no token covers.
    init(vocabulary: [(text: [UInt8], score: Double)], unknown: Int) {
        scores = vocabulary.map(\.score)
        self.unknown = unknown
        unknownScore = (scores.min() ?? 0) - UnigramModel.unknownPenalty
        for (id, entry) in vocabulary.enumerated() {
            var node = 0
            for byte in entry.text {
                if let next = children[node][byte] {
                    node = next
                } else {
                    children.append([:])
                    tokens.append(nil)
                    children[node][byte] = children.count - 1
                    node = children.count - 1
                }
            }
            tokens[node] = id
        }
    }

    /// The token ids of one piece; neighbouring unknown characters share one unknown token.
    func encode(_ piece: [UInt8]) -> [Int] {
        struct Best {
            var id = 0
            var score = -Double.infinity
            var start: Int?
        }
        var best = [Best](repeating: Best(), count: piece.count + 1)
        best[0].score = 0
        var position = 0
        while position < piece.count {
            let score = best[position].score
            let width = UnigramModel.width(of: piece[position])
            var coversCharacter = false
            var node = 0
            for end in position..<piece.count {
                guard let next = children[node][piece[end]] else { break }
                node = next
                guard let id = tokens[node] else { continue }
                let candidate = scores[id] + score
                if best[end + 1].start == nil || candidate > best[end + 1].score {
                    best[end + 1] = Best(id: id, score: candidate, start: position)
                }
                if end + 1 - position == width { coversCharacter = true }
            }
            let next = min(position + width, piece.count)
            if !coversCharacter, best[next].start == nil || unknownScore + score > best[next].score {
                best[next] = Best(id: unknown, score: unknownScore + score, start: position)
            }
            position = next
        }
        var ids: [Int] = []
        var end = piece.count
        while end > 0, let start = best[end].start {
            if best[end].id != unknown || ids.last != unknown { ids.append(best[end].id) }
            end = start
        }
        return ids.reversed()
    }

    /// Bytes of the UTF-8 character that starts with a byte.
    private static func width(of byte: UInt8) -> Int {
        byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
    }
}
