import Foundation
import TestSupport
import Testing

@testable import RewardServer

@Suite struct EvaluationRowTests {
    private func load(_ text: String) throws -> [EvaluationRow] {
        let folder = try TemporaryFolder()
        try Data(text.utf8).write(to: folder.url.appending(path: "rows.jsonl"))
        return try EvaluationRow.load(folder.file("rows.jsonl")).map { row in
            var row = row
            row.source = row.source.replacing(folder.path + "/", with: "")
            row.edited = row.edited.map { $0.replacing(folder.path + "/", with: "") }
            return row
        }
    }

    @Test("rows with one and with two edits are read, blank lines skipped, paths made absolute")
    func rows() throws {
        let rows = try load(
            """
            {"source": "s.png", "edited": "e.png", "prompt": "p", "label": 3, "category": "add"}

            {"source":"/s.png","edited_a":"a.png","edited_b":"/b.png","prompt":"p","requirement":"r","label":"b"}
            """
        )
        #expect(
            rows == [
                EvaluationRow(
                    line: 1,
                    source: "s.png",
                    edited: ["e.png"],
                    prompt: "p",
                    requirement: "",
                    label: .rating(3),
                    category: "add"
                ),
                EvaluationRow(
                    line: 3,
                    source: "/s.png",
                    edited: ["a.png", "/b.png"],
                    prompt: "p",
                    requirement: "r",
                    label: .preference(-1),
                    category: nil
                ),
            ]
        )
    }

    @Test(
        "labels of two edits",
        arguments: [
            ("\"a\"", EvaluationRow.Label.preference(1)), ("\"b\"", .preference(-1)),
            ("\"tie\"", .preference(0)), ("1", .preference(1)), ("-0.5", .preference(-1)),
            ("0", .preference(0)),
            ("[4, 2.5]", .ratings(4, 2.5)), ("\"A\"", .preference(1)), ("\"B\"", .preference(-1)),
            ("\"A>B\"", .preference(1)), ("\"B>A\"", .preference(-1)), ("\"A=B\"", .preference(0)),
            ("\"A < B\"", .preference(-1)), ("\"b<a\"", .preference(1)), ("\"B==A\"", .preference(0)),
            ("\"A>>B\"", .preference(1)), ("\"Tie\"", .preference(0)),
        ]
    )
    func labels(_ text: String, _ label: EvaluationRow.Label) throws {
        let rows = try load(
            "{\"source\":\"s\",\"edited_a\":\"a\",\"edited_b\":\"b\",\"prompt\":\"p\",\"label\":\(text)}"
        )
        #expect(rows[0].label == label)
    }

    @Test(
        "a line that is no row is named with the reason",
        arguments: [
            ("{\"source\":\"s\",\"edited\":\"e\",\"prompt\":\"p\"}", "\"label\" is missing"),
            (
                "{\"source\":\"s\",\"edited\":\"e\",\"prompt\":\"p\",\"label\":\"a\"}",
                "must be a number for one edit"
            ),
            ("{\"source\":\"s\",\"edited\":\"e\",\"prompt\":\"p\",\"label\":null}", "label"),
            (
                "{\"source\":\"s\",\"edited\":\"e\",\"prompt\":\"p\",\"label\":[1,2]}",
                "must be a number for one edit"
            ),
            (
                "{\"source\":\"s\",\"edited_a\":\"e\",\"edited_b\":\"e\",\"prompt\":\"p\",\"label\":\"c\"}",
                "\"a\", \"b\", \"tie\""
            ),
            (
                "{\"source\":\"s\",\"edited_a\":\"e\",\"edited_b\":\"e\",\"prompt\":\"p\",\"label\":[1,2,3]}",
                "two ratings"
            ),
            ("{\"source\":\"s\",\"edited_a\":\"e\",\"prompt\":\"p\",\"label\":1}", "edited_b"),
            (
                "{\"source\":\"s\",\"edited\":\"e\",\"edited_a\":\"e\",\"prompt\":\"p\",\"label\":1}",
                "give either"
            ),
            (
                "{\"source\":\"s\",\"edited_a\":\"e\",\"edited_b\":\"e\",\"prompt\":\"p\",\"label\":\"a>a\"}",
                "\"A>B\""
            ),
            ("{\"source\":3,\"edited\":\"e\",\"prompt\":\"p\",\"label\":1}", "\"source\" must be a text"),
            ("not json", "line 2"),
        ]
    )
    func refusals(_ line: String, _ reason: String) throws {
        let error = #expect(throws: EvaluationError.self) { try load("\n" + line + "\n") }
        let text = try #require(error).description
        #expect(text.contains(", line 2: "))
        #expect(text.contains(reason), "\(text)")
    }

    @Test("other keys are carried along, texts as they are and the rest as JSON")
    func extraKeys() throws {
        let rows = try load(
            """
            {"source":"s","edited":"e","prompt":"p","label":1,"id":"x/7","n":3,"h":0.5,"t":true,"o":{"b":[1,null],"a":"é"}}
            """
        )
        #expect(
            rows[0].extra == [
                "id": "x/7", "n": "3", "h": "0.5", "t": "true", "o": "{\"a\":\"é\",\"b\":[1,null]}",
            ]
        )
    }

    @Test("no file and no rows are errors")
    func nothing() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("rows.jsonl")
        try Data("\n \r\n".utf8).write(to: URL(filePath: path))
        #expect(throws: EvaluationError.noRows(path: path)) { try EvaluationRow.load(path) }
        #expect(throws: EvaluationError.unusable(path: "/nowhere", reason: "no such file, or not readable")) {
            try EvaluationRow.load("/nowhere")
        }
    }
}
