/// Merges the bytes of one piece of text into tokens.
///
/// The pair of neighbours with the lowest rank is merged first, the leftmost of equal ones, until no pair is
/// known.
///
/// Source: Sennrich et al., arXiv:1508.07909; order of the merges as in huggingface/tokenizers,
/// `tokenizers/src/models/bpe/word.rs`.
struct BytePairEncoder: Sendable {
    /// What a pair of tokens becomes, and how early.
    struct Merge: Sendable {
        let rank: Int32
        let token: Int32
    }

    private let tokenOfByte: [Int32]
    private let merges: [UInt64: Merge]

    /// Sets up the tables.
    ///
    /// - Parameters:
    ///   - tokenOfByte: Token of each of the 256 bytes.
    ///   - merges: Merge of each pair of tokens, see ``key(_:_:)``.
    init(tokenOfByte: [Int32], merges: [UInt64: Merge]) {
        self.tokenOfByte = tokenOfByte
        self.merges = merges
    }

    /// The key of a pair of tokens.
    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// The tokens of a piece's bytes.
    func tokens(of bytes: some Sequence<UInt8>) -> [Int32] {
        var symbols = bytes.map { tokenOfByte[Int($0)] }
        let count = symbols.count
        guard count > 1 else { return symbols }
        // Neighbours of every symbol that is still there; `count` and -1 are the ends.
        var next = Array(1...count)
        var previous = Array(-1..<(count - 1))
        var isMerged = [Bool](repeating: false, count: count)
        var queue = CandidateQueue()
        func propose(_ position: Int) {
            guard position >= 0, next[position] < count else { return }
            if let merge = merges[Self.key(symbols[position], symbols[next[position]])] {
                queue.insert(.init(rank: merge.rank, position: Int32(position), token: merge.token))
            }
        }
        for position in 0..<(count - 1) {
            propose(position)
        }
        while let candidate = queue.removeFirst() {
            let position = Int(candidate.position)
            guard !isMerged[position], next[position] < count,
                // The neighbours may have changed since the candidate was put in.
                merges[Self.key(symbols[position], symbols[next[position]])]?.token == candidate.token
            else { continue }
            let right = next[position]
            symbols[position] = candidate.token
            isMerged[right] = true
            next[position] = next[right]
            if next[right] < count {
                previous[next[right]] = position
            }
            propose(previous[position])
            propose(position)
        }
        return symbols.indices.filter { !isMerged[$0] }.map { symbols[$0] }
    }
}

/// Merges that may be done next, lowest rank first, then leftmost: a binary heap.
private struct CandidateQueue {
    struct Candidate {
        let rank: Int32
        let position: Int32
        let token: Int32

        func isBefore(_ other: Candidate) -> Bool {
            (rank, position) < (other.rank, other.position)
        }
    }

    private var heap: [Candidate] = []

    mutating func insert(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
