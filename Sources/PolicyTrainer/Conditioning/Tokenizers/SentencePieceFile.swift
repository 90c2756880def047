import Foundation

/// A unigram vocabulary in SentencePiece's own file, `spiece.model`.
///
/// Source: google/sentencepiece, `src/sentencepiece_model.proto`: fields of ModelProto, TrainerSpec, NormalizerSpec.
struct SentencePieceFile: Sendable {
    /// What a piece is for.
    enum Kind: UInt64, Sendable {
        case normal = 1, unknown, control, userDefined, unused, byte
    }

    /// A token.
    struct Piece: Sendable {
        var text: [UInt8] = []
        var score: Double = 0
        var kind = Kind.normal
    }

    /// The vocabulary, by id.
    private(set) var pieces: [Piece] = []
    /// The compiled normalisation rules; empty for none.
    private(set) var rules: [UInt8] = []
    /// Id of the piece for characters that no piece covers.
    let unknown: Int

    /// Reads and checks a file.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``TextTokenizerError``.
    init(path: String) throws {
        func malformed(_ reason: String) -> TextTokenizerError { .malformed(path: path, reason: reason) }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw malformed("it cannot be read")
        }
        var model: UInt64 = 1
        var hasByteFallback = false
        do throws(ProtobufFault) {
            var reader = ProtobufReader(ArraySlice(data))
            while let field = try reader.next() {
                switch (field.number, field.value) {
                case (1, .bytes(let bytes)): pieces.append(try Self.piece(bytes))
                case (2, .bytes(let bytes)):
                    var trainer = ProtobufReader(bytes)
                    while let field = try trainer.next() {
                        switch (field.number, field.value) {
                        case (3, .integer(let value)): model = value
                        case (35, .integer(let value)): hasByteFallback = value != 0
                        default: break
                        }
                    }
                case (3, .bytes(let bytes)):
                    var normalizer = ProtobufReader(bytes)
                    while let field = try normalizer.next() {
                        if field.number == 2, case .bytes(let blob) = field.value { rules = Array(blob) }
                    }
                default: break
                }
            }
        } catch {
            throw malformed("it is not a SentencePiece model")
        }
        guard model == 1 else {
            throw TextTokenizerError.unsupported(path: path, what: "a model that is not unigram")
        }
        guard !hasByteFallback else {
            throw TextTokenizerError.unsupported(path: path, what: "byte_fallback")
        }
        guard let unknown = pieces.firstIndex(where: { $0.kind == .unknown }) else {
            throw malformed("it has no piece for unknown characters")
        }
        self.unknown = unknown
    }

    private static func piece(_ bytes: ArraySlice<UInt8>) throws(ProtobufFault) -> Piece {
        var piece = Piece()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let text)): piece.text = Array(text)
            case (2, .word(let bits)): piece.score = Double(Float(bitPattern: bits))
            case (3, .integer(let value)): piece.kind = Kind(rawValue: value) ?? .normal
            default: break
            }
        }
        return piece
    }
}

/// A protobuf message that ends before its time, or holds a group.
struct ProtobufFault: Error {}

/// Walks through the fields of a protobuf message.
///
/// Source: protobuf.dev, "Encoding".
struct ProtobufReader {
    /// What a field holds.
    enum Value {
        case integer(UInt64)
        case bytes(ArraySlice<UInt8>)
        case word(UInt32)
        case doubleWord
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// The next field; nil at the end.
    mutating func next() throws(ProtobufFault) -> (number: UInt64, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let key = try integer()
        switch key & 7 {
        case 0: return (key >> 3, .integer(try integer()))
        case 1:
            _ = try take(8)
            return (key >> 3, .doubleWord)
        case 2:
            guard let count = Int(exactly: try integer()) else { throw ProtobufFault() }
            return (key >> 3, .bytes(try take(count)))
        case 5:
            let word = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return (key >> 3, .word(word))
        default: throw ProtobufFault()
        }
    }

    private mutating func take(_ count: Int) throws(ProtobufFault) -> ArraySlice<UInt8> {
        guard count >= 0, count <= rest.count else { throw ProtobufFault() }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func integer() throws(ProtobufFault) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw ProtobufFault() }
            result |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return result }
        }
        throw ProtobufFault()
    }
}
