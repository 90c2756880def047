import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import MLLMRuntime

/// What the published templates render with Jinja2; made by scripts/fixtures/chat_templates.py.
private struct RenderedTemplates: Decodable {
    struct Edge: Decodable {
        let before: String
        let after: String
        let same: Bool
    }

    struct Template: Decodable {
        let file: String
        let name: String
        let canonical: String
        let opening: String
        let edges: [Edge]
    }

    struct Message: Decodable {
        struct Part: Decodable {
            let text: String?
        }

        let role: String
        let content: [Part]
    }

    struct Case: Decodable {
        let name: String
        let conversation: [Message]
        let text: String
        let ids: [Int]
    }

    let upstream: String
    let thinkToken: Int
    let templates: [Template]
    let cases: [Case]

    static func load() throws -> RenderedTemplates {
        let path = Fixture.path("chat_templates/chat_templates.json")
        return try JSONDecoder().decode(RenderedTemplates.self, from: Data(contentsOf: URL(filePath: path)))
    }
}

@Suite("Chat templates")
struct ChatTemplateTests {
    /// An image of one token.
    private func image() -> PreparedImage {
        let grid = PatchGrid(
            Fixture.noise(2, 2, seed: 1),
            normalization: PixelNormalization(mean: [0, 0, 0], standardDeviation: [1, 1, 1]),
            patchSize: 1,
            mergeSize: 2,
            temporalPatchSize: 2
        )
        return PreparedImage(patches: grid, mergeSize: 2, contentHash: ContentHash("one"))
    }

    /// The tiny tokenizer with `<think>`, which Qwen3's vocabularies have.
    private func tokenizer(thinkToken: Int) throws -> Tokenizer {
        let folder = try TemporaryFolder()
        let path = folder.file("tokenizer.json")
        try FileManager.default.copyItem(atPath: Fixture.path("tokenizer/tokenizer.json"), toPath: path)
        try Fixture.edit(path) {
            var added = $0["added_tokens"] as? [[String: Any]] ?? []
            added.append(["id": thinkToken, "content": "<think>"])
            $0["added_tokens"] = added
        }
        return try Tokenizer(folder: folder.path)
    }

    @Test("prompts have the text and the ids that Jinja2 and the reference's tokenizer give")
    func rendered() throws {
        let fixture = try RenderedTemplates.load()
        let tokenizer = try tokenizer(thinkToken: fixture.thinkToken)
        #expect(fixture.cases.count == 36)
        var differing = 0
        for example in fixture.cases {
            let template = try #require(ChatTemplate.named(example.name))
            let builder = try PromptBuilder(template: template, tokenizer: tokenizer, folder: "tiny")
            let turns = try example.conversation.map { message in
                ChatTemplate.Turn(
                    role: try #require(ChatTemplate.Role(rawValue: message.role)),
                    parts: message.content.map { $0.text.map(PromptPart.text) ?? .image(image()) }
                )
            }
            let tokens = builder.row(template.pieces(of: turns)).tokens
            #expect(tokens == example.ids, "\(example.name): \(example.text)")
            differing += tokens == example.ids ? 0 : 1
            #expect(tokenizer.decode(tokens) == example.text)
        }
        try ParityRecord.write(
            family: "any",
            format: "jinja",
            check: "chat template ids",
            difference: Double(differing),
            limit: 0,
            unit: "prompts",
            cases: fixture.cases.count,
            reference: fixture.upstream
        )
    }

    @Test("the published templates are known by their text")
    func known() throws {
        let fixture = try RenderedTemplates.load()
        #expect(fixture.templates.count == ChatTemplate.known.count)
        for template in fixture.templates {
            #expect(ChatTemplate.known[template.canonical]?.name == template.name, "\(template.file)")
        }
        #expect(Set(ChatTemplate.known.values.map(\.name)) == Set(ChatTemplate.all.map(\.name)))
        #expect(ChatTemplate.named("chatml") == nil)
    }

    @Test("white space around a template is dropped where Jinja2 drops it, and only there")
    func edges() throws {
        for template in try RenderedTemplates.load().templates {
            let body = template.opening + " set x = 1 %}\n{{ x }}{% endif %}"
            for edge in template.edges {
                let canonical = ChatTemplate.canonicalText(edge.before + body + edge.after)
                #expect((canonical == body) == edge.same, "\(template.file) \(edge)")
            }
        }
        #expect(ChatTemplate.canonicalText("{%- a %}\r\n  b\r{% c %}\r\n") == "{%- a %}\n  b\n{% c %}")
    }

    @Test("a template re-saved with line ends is known, one with another word is not")
    func resaved() throws {
        let fields = try JSONFields(path: Fixture.path("tokenizer/chat_template.json"))
        let text = try fields.text("chat_template")
        for saved in [text, text + "\n", text + "\r\n", "  " + text + "\n"] {
            #expect(try ChatTemplate.recognize(saved, path: "t") == .qwen2VL)
        }
        for other in [text + " ", "\n" + text, text.replacing("helpful", with: "careful")] {
            let failure = #expect(throws: ModelError.self) { try ChatTemplate.recognize(other, path: "t") }
            let message = failure?.description ?? ""
            #expect(message.hasPrefix("the chat template in t (sha256 ") && !message.contains("\n"))
        }
    }

    @Test("of several files the reference's choice wins")
    func precedence() throws {
        let folder = try TemporaryFolder()
        let good = Fixture.path("tokenizer/chat_template.json")
        let text = try JSONFields(path: good).text("chat_template")
        func write(_ name: String, _ content: String) throws {
            try content.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
        }
        #expect(throws: ModelError.missingFile(path: folder.file("chat_template.json"))) {
            try ChatTemplate.load(folder: folder.path)
        }
        try FileManager.default.copyItem(
            atPath: Fixture.path("tokenizer/tokenizer_config.json"),
            toPath: folder.file("tokenizer_config.json")
        )
        #expect(try ChatTemplate.load(folder: folder.path) == .qwen2VL)
        try write("chat_template.jinja", "{{ other }}")
        #expect(throws: ModelError.self) { try ChatTemplate.load(folder: folder.path) }
        try FileManager.default.copyItem(atPath: good, toPath: folder.file("chat_template.json"))
        #expect(try ChatTemplate.load(folder: folder.path) == .qwen2VL)
        try write("processor_config.json", "{\"chat_template\": \"{{ other }}\"}")
        #expect(throws: ModelError.self) { try ChatTemplate.load(folder: folder.path) }
        try write("processor_config.json", "{\"processor_class\": \"Qwen2_5_VLProcessor\"}")
        try FileManager.default.removeItem(atPath: folder.file("chat_template.json"))
        try write("chat_template.jinja", text + "\n")
        #expect(try ChatTemplate.load(folder: folder.path) == .qwen2VL)
    }
}
