import Foundation
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

@Suite("Tokenizer")
struct TokenizerTests {
    private struct Case: Decodable {
        let text: String
        let small: [Int]
        let published: [Int]
    }

    private func cases() throws -> [Case] {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("tokenizer/strings.json")))
        return try JSONDecoder().decode([Case].self, from: data)
    }

    /// Folder with the files of the small tokenizer that belong to one of the two layouts.
    private func folder(whole: Bool) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let names = whole ? ["tokenizer.json"] : ["vocab.json", "merges.txt", "tokenizer_config.json"]
        for name in names {
            try FileManager.default.copyItem(
                atPath: Fixture.path("tokenizer/" + name),
                toPath: folder.file(name)
            )
        }
        return folder
    }

    @Test("2,400 strings have the reference's ids and come back", arguments: [true, false])
    func small(whole: Bool) throws {
        let folder = try folder(whole: whole)
        let tokenizer = try Tokenizer(folder: folder.path)
        let cases = try cases()
        #expect(cases.count >= 2000)
        for example in cases {
            #expect(tokenizer.encode(example.text) == example.small, "\(example.text.debugDescription)")
            let normal = String(String.UnicodeScalarView(CanonicalComposition.apply(example.text)))
            #expect(tokenizer.decode(example.small) == normal)
        }
    }

    private struct Generated: Decodable {
        let seed: UInt64
        let pools: [[[UInt64]]]
        let group: Int
        let digests: [String]
    }

    @Test("100,000 strings of all parts of Unicode have the reference's ids with the small vocabulary")
    func generated() throws {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("tokenizer/generated.json")))
        let fixture = try JSONDecoder().decode(Generated.self, from: data)
        let folder = try folder(whole: true)
        let tokenizer = try Tokenizer(folder: folder.path)
        var state = fixture.seed
        /// The next number of SplitMix64, below a limit.
        func number(_ limit: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
        }
        func string() -> String {
            var text = String.UnicodeScalarView()
            for _ in 0..<1 + number(6) {
                let pool = fixture.pools[number(fixture.pools.count)]
                for _ in 0..<1 + number(4) {
                    let range = pool[number(pool.count)]
                    let point = range[0] + UInt64(number(Int(range[1] - range[0]) + 1))
                    text.append(Unicode.Scalar(UInt32(point)) ?? "\u{FFFD}")
                }
            }
            return String(text)
        }
        var differing: [Int] = []
        for (index, digest) in fixture.digests.enumerated() {
            var bytes: [UInt8] = []
            for _ in 0..<fixture.group {
                let ids = tokenizer.encode(string())
                for value in [ids.count] + ids {
                    bytes += (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
                }
            }
            if ContentHash(bytes).hexadecimal != digest {
                differing.append(index)
            }
        }
        #expect(fixture.digests.count * fixture.group == 100_000)
        #expect(
            differing.isEmpty,
            "\(differing.count) groups of \(fixture.group), first \(differing.prefix(5))"
        )
        try ParityRecord.write(
            family: "any",
            format: "small vocabulary",
            check: "tokenizer ids",
            difference: Double(differing.count * fixture.group),
            limit: 0,
            unit: "strings",
            cases: fixture.digests.count * fixture.group,
            reference: "tokenizers 0.23.3"
        )
    }

    @Test(
        "the same strings have the published vocabulary's ids",
        .enabled(if: Fixture.publishedTokenizer != nil)
    )
    func published() throws {
        let tokenizer = try Tokenizer(folder: try #require(Fixture.publishedTokenizer))
        for example in try cases() {
            #expect(tokenizer.encode(example.text) == example.published, "\(example.text.debugDescription)")
        }
        #expect(tokenizer.tokenCount == 151_665)
        #expect(tokenizer.addedToken("<|image_pad|>") == 151_655)
        #expect(tokenizer.encode("Yes") == [9454] && tokenizer.encode("No") == [2753])
        #expect((0...9).flatMap { tokenizer.encode("\($0)") } == Array(15...24))
        #expect(tokenizer.tokenText(9454) == "Yes" && tokenizer.tokenText(151_644) == "<|im_start|>")
        #expect(tokenizer.tokenText(151_665) == nil)
    }

    @Test("letters, numbers and spaces are those of the reference's expression")
    func classes() throws {
        let data = try Data(contentsOf: URL(filePath: Fixture.path("tokenizer/classes.json")))
        let ranges = try JSONDecoder().decode([String: [[UInt32]]].self, from: data)
        var expected = [CharacterClass?](repeating: nil, count: 0x110000)
        for (name, kind) in [("letter", CharacterClass.letter), ("number", .number), ("space", .space)] {
            for range in try #require(ranges[name]) {
                for point in range[0]...range[1] {
                    expected[Int(point)] = kind
                }
            }
        }
        var differing: [UInt32] = []
        for point in UInt32(0)..<0x110000 {
            guard let scalar = Unicode.Scalar(point) else { continue }
            let found = CharacterClass(scalar)
            if (expected[Int(point)] ?? .other) != (found == .lineBreak ? .space : found) {
                differing.append(point)
            }
        }
        #expect(differing.isEmpty, "\(differing.count) code points, first \(differing.prefix(8))")
    }

    @Test("text that spells special tokens stays text")
    func lookAlikes() throws {
        let folder = try folder(whole: true)
        let tokenizer = try Tokenizer(folder: folder.path)
        for special in ["<|im_end|>", "<|im_start|>", "<|image_pad|>", "<|vision_start|>", "<tool_call>"] {
            let id = try #require(tokenizer.addedToken(special))
            let ids = tokenizer.encode("a \(special) b")
            #expect(!ids.contains(id) && ids.count > 4)
            #expect(tokenizer.decode(ids) == "a \(special) b")
            #expect(tokenizer.decode([id]) == special)
        }
    }

    @Test("a word of a hundred thousand letters takes no quadratic time")
    func longWord() throws {
        let folder = try folder(whole: true)
        let tokenizer = try Tokenizer(folder: folder.path)
        let text = String(repeating: "image", count: 40_000)
        let start = ContinuousClock.now
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("ids without a token decode to nothing")
    func unknownIDs() throws {
        let folder = try folder(whole: true)
        let tokenizer = try Tokenizer(folder: folder.path)
        #expect(tokenizer.decode([-1, 1 << 40, 9999]).isEmpty)
        #expect(tokenizer.tokenText(9999) == nil)
    }

    @Test("damaged and foreign files are refused by name")
    func damaged() throws {
        let empty = try TemporaryFolder()
        #expect(throws: TokenizerError.missing(folder: empty.path)) { try Tokenizer(folder: empty.path) }

        let whole = try folder(whole: true)
        let path = whole.file("tokenizer.json")
        try Fixture.edit(path) { $0["normalizer"] = NSNull() }
        #expect(throws: TokenizerError.unsupported(path: path, feature: "a normalizer other than NFC")) {
            try Tokenizer(folder: whole.path)
        }
        try Data("{".utf8).write(to: URL(filePath: path))
        #expect(throws: TokenizerError.malformed(path: path, reason: "it is not a JSON object")) {
            try Tokenizer(folder: whole.path)
        }

        let other = try folder(whole: true)
        try Fixture.edit(other.file("tokenizer.json")) { $0["pre_tokenizer"] = ["type": "Whitespace"] }
        #expect(
            throws: TokenizerError.unsupported(
                path: other.file("tokenizer.json"),
                feature: "another pre-tokenizer"
            )
        ) {
            try Tokenizer(folder: other.path)
        }

        let parts = try folder(whole: false)
        try Fixture.edit(parts.file("vocab.json")) { $0["!"] = nil }
        #expect(
            throws: TokenizerError.malformed(path: parts.file("vocab.json"), reason: "byte 33 has no token")
        ) {
            try Tokenizer(folder: parts.path)
        }
        try Data("a b c\n".utf8).write(to: URL(filePath: parts.file("merges.txt")))
        #expect(throws: TokenizerError.self) { try Tokenizer(folder: parts.path) }
    }
}
