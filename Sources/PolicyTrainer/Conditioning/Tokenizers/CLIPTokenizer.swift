import Foundation

/// CLIP's byte-level BPE tokenizer, from `vocab.json` and `merges.txt`.
///
/// Texts are composed (NFC), runs of white space become one space, letters lower case; then words, single digits and
/// runs of signs are merged each by itself, the last symbol of a piece carrying `</w>`.
/// Source: huggingface/transformers 5.23.0, `models/clip/tokenization_clip.py`; huggingface/tokenizers, `models/bpe`.
struct CLIPTokenizer: Sendable {
    /// Tokens of the longest sequence, if the files say; otherwise the encoder decides.
    let maximumLength: Int?
    /// The highest id that this tokenizer gives.
    let largestID: Int
    private let start: Int
    private let end: Int
    private let padding: Int
    private let unknown: Int
    private let addedTokens: [AddedToken]
    /// Ids of the 256 bytes inside a piece and at its end; nil for a byte that the vocabulary lacks.
    private let byteIDs: [Int?]
    private let lastByteIDs: [Int?]
    private let merges: BytePairMerges

    /// Loads the files.
    ///
    /// - Parameter folder: The tokenizer's folder.
    /// - Throws: ``TextTokenizerError`` that names the file.
    init(folder: String) throws {
        let path = folder + "/vocab.json"
        guard let vocabulary = try TokenizerSettings.object(path) as? [String: Int] else {
            throw TextTokenizerError.malformed(path: path, reason: "it is missing or not a map of ids")
        }
        let settings = try TokenizerSettings(folder: folder)
        func id(_ key: String, default text: String) throws -> Int {
            let token = settings.specialTokens[key] ?? text
            let added = settings.addedTokens.values.first { $0.content.elementsEqual(token.unicodeScalars) }
            guard let id = added?.id ?? vocabulary[token] else {
                throw TextTokenizerError.malformed(path: path, reason: "\(key) \(token) has no id")
            }
            return id
        }
        start = try id("bos_token", default: "<|startoftext|>")
        end = try id("eos_token", default: "<|endoftext|>")
        padding = try id("pad_token", default: "<|endoftext|>")
        unknown = try id("unk_token", default: "<|endoftext|>")
        maximumLength = settings.maximumLength
        if settings.addedTokens.isEmpty {
            let texts = ["bos_token", "eos_token", "pad_token", "unk_token"].compactMap {
                settings.specialTokens[$0]
            }
            addedTokens = Set(texts).sorted().compactMap { text in
                vocabulary[text].map { AddedToken(id: $0, content: text) }
            }
        } else {
            addedTokens = settings.addedTokens.values.sorted { $0.id < $1.id }
        }
        largestID = max(vocabulary.values.max() ?? 0, settings.addedTokens.keys.max() ?? 0)
        let symbols = CLIPTokenizer.byteSymbols()
        byteIDs = symbols.map { vocabulary[$0] }
        lastByteIDs = symbols.map { vocabulary[$0 + "</w>"] }
        merges = try CLIPTokenizer.merges(folder + "/merges.txt", vocabulary: vocabulary)
    }

    private static func merges(_ path: String, vocabulary: [String: Int]) throws -> BytePairMerges {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw TextTokenizerError.malformed(path: path, reason: "it is missing or not UTF-8")
        }
        var rules: [(left: Int, right: Int, result: Int)] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            if line.hasPrefix("#version") { continue }
            let parts = line.split(separator: " ")
            guard
                parts.count == 2,
                let left = vocabulary[String(parts[0])], let right = vocabulary[String(parts[1])],
                let result = vocabulary[String(parts[0] + parts[1])]
            else {
                throw TextTokenizerError.malformed(
                    path: path,
                    reason: "rule \"\(line)\" is not two tokens whose union is in vocab.json"
                )
            }
            rules.append((left, right, result))
        }
        return BytePairMerges(rules)
    }

    /// The printable character that stands for each byte, after GPT-2.
    static func byteSymbols() -> [String] {
        var next: UInt32 = 256
        return (0..<256).map { byte in
            let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
            let value = isPrintable ? UInt32(byte) : next
            if !isPrintable { next += 1 }
            return Unicode.Scalar(value).map { String(Character($0)) } ?? ""
        }
    }

    /// Token ids of a text between start and end token, cut and padded.
    ///
    /// - Parameters:
    ///   - text: Any text.
    ///   - length: How many ids to give, at least 2.
    /// - Returns: `[length]`.
    func encode(_ text: String, length: Int) -> [Int] {
        let ids = [start] + tokens(text).prefix(max(0, length - 2)) + [end]
        return ids + [Int](repeating: padding, count: max(0, length - ids.count))
    }

    /// Token ids of a text without start, end and padding.
    func tokens(_ text: String) -> [Int] {
        AddedToken.split(text, at: addedTokens, normalize: CLIPTokenizer.normalize).flatMap {
            piece -> [Int] in
            switch piece {
            case .token(let id): [id]
            case .text(let scalars): CLIPTokenizer.pieces(scalars).flatMap(merge)
            }
        }
    }

    private func merge(_ piece: ArraySlice<Unicode.Scalar>) -> [Int] {
        let bytes = Array(String(String.UnicodeScalarView(piece)).utf8)
        let symbols = bytes.enumerated().map { index, byte in
            (index == bytes.count - 1 ? lastByteIDs : byteIDs)[Int(byte)] ?? unknown
        }
        return merges.apply(to: symbols)
    }

    /// NFC, one space per run of white space, lower case scalar by scalar.
    static func normalize(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let composed = String(String.UnicodeScalarView(text)).precomposedStringWithCanonicalMapping
        var result: [Unicode.Scalar] = []
        var isInSpace = false
        for scalar in composed.unicodeScalars {
            let isSpace = scalar.properties.isWhitespace
            if isSpace {
                if !isInSpace { result.append(" ") }
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
            isInSpace = isSpace
        }
        return result
    }

    /// Cuts a normalised text into contractions, words, single digits and runs of signs; white space falls away.
    static func pieces(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
        var result: [ArraySlice<Unicode.Scalar>] = []
        var index = 0
        while index < text.count {
            let kind = Kind(text[index])
            if let short = contractions.first(where: { text[index...].starts(with: $0) }) {
                result.append(text[index..<index + short.count])
                index += short.count
                continue
            }
            var stop = index + 1
            if kind != .number {
                while stop < text.count, Kind(text[stop]) == kind { stop += 1 }
            }
            if kind != .space { result.append(text[index..<stop]) }
            index = stop
        }
        return result
    }

    /// What the pattern of the pre-tokenizer tells apart.
    private enum Kind {
        case letter, number, space, sign

        init(_ scalar: Unicode.Scalar) {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
                self = .letter
            case .decimalNumber, .letterNumber, .otherNumber: self = .number
            default: self = scalar.properties.isWhitespace ? .space : .sign
            }
        }
    }
}
