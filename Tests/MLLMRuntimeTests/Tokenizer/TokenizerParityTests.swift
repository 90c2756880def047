import Foundation
import TestSupport
import Testing

@testable import MLLMRuntime

/// Strings and their ids in the folder that scripts/parity/prepare_tokenizer.sh made.
private struct PreparedStrings {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ path: String) throws {
        bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    }

    private mutating func number() -> Int? {
        guard offset + 4 <= bytes.count else { return nil }
        defer { offset += 4 }
        return (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    /// The next string; nil at the end.
    mutating func text() -> String? {
        guard let count = number() else { return nil }
        defer { offset += count }
        return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
    }

    /// The next list of ids; nil at the end.
    mutating func ids() -> [Int]? {
        guard let count = number() else { return nil }
        var ids: [Int] = []
        ids.reserveCapacity(count)
        while ids.count < count, let id = number() {
            ids.append(id)
        }
        return ids
    }
}

@Suite("Tokenizer against the tokenizers library")
struct TokenizerParityTests {
    @Test(
        "more than 100,000 generated and real strings have the reference's ids",
        .enabled(
            if: Fixture.preparedTokenizer != nil,
            "EDIT_R1_TOKENIZER names no folder of scripts/parity/prepare_tokenizer.sh"
        )
    )
    func prepared() throws {
        let folder = try #require(Fixture.preparedTokenizer)
        let tokenizer = try Tokenizer(folder: folder)
        var strings = try PreparedStrings(folder + "/strings.bin")
        var expected = try PreparedStrings(folder + "/expected.bin")
        var (count, examples, differing) = (0, [String](), 0)
        let start = ContinuousClock.now
        while let text = strings.text(), let ids = expected.ids() {
            count += 1
            if tokenizer.encode(text) != ids {
                differing += 1
                if examples.count < 10 {
                    examples.append(
                        "\(count): "
                            + text.unicodeScalars.prefix(40).map { String($0.value, radix: 16) }.joined(
                                separator: " "
                            )
                    )
                }
            }
        }
        print("tokenizer parity: \(count) strings in \(ContinuousClock.now - start)")
        #expect(count >= 100_000)
        #expect(differing == 0, "\(differing) of \(count) strings, first \(examples)")
        try ParityRecord.write(
            family: "any",
            format: "151,643 entries",
            check: "tokenizer ids",
            difference: Double(differing),
            limit: 0,
            unit: "strings",
            cases: count,
            reference: "tokenizers 0.23.3"
        )
    }
}
