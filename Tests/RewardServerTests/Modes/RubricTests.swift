import Foundation
import MLLMRuntime
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct RubricTests {
    private static let labels = [RubricLabel(tokens: ["0"], value: 0), RubricLabel(tokens: ["1"], value: 1)]

    @Test("user text is put in once and never read again")
    func templateIsFilledOnce() throws {
        let template = try PromptTemplate("{{a}} {instruction}|{requirement}", name: "test")
        let text = template.filled(instruction: "{requirement} {{x}}", requirement: "{instruction}")
        #expect(text == "{a} {requirement} {{x}}|{instruction}")
    }

    @Test(
        "a template with a place that nothing fills is refused",
        arguments: [
            ("{prompt}", RubricError.unknownPlaceholder(rubric: "t", placeholder: "prompt")),
            ("{}", .unknownPlaceholder(rubric: "t", placeholder: "")),
            ("a } b", .strayBrace(rubric: "t", near: "} b")),
            ("a { b", .strayBrace(rubric: "t", near: "{ b")),
        ]
    )
    func badTemplate(text: String, error: RubricError) {
        #expect(throws: error) { try PromptTemplate(text, name: "t") }
    }

    @Test("the built-in rubric asks in the published order on a scale of six digits")
    func builtIn() throws {
        let rubric = try RubricLibrary().standard
        #expect(rubric.name == "edit-r1")
        #expect(rubric.order.description == "source,edited,text")
        #expect(rubric.labels.map(\.tokens) == (0...5).map { [String($0)] })
        #expect(rubric.labels.map(\.value) == [0, 1, 2, 3, 4, 5])
        let text = rubric.template.filled(instruction: "make it red", requirement: "keep the sky")
        #expect(text.contains("Instruction: make it red\nRequirements: keep the sky\n"))
        #expect(text.hasSuffix("\n0-5"))
    }

    @Test("what decides a score decides the hash, and the name does not")
    func hash() throws {
        let base = RubricDocument(name: "a", template: "{instruction}", labels: Self.labels)
        func hash(_ change: (inout RubricDocument) -> Void) throws -> ContentHash {
            var document = base
            change(&document)
            return try Rubric(document, name: "test").hash
        }
        let original = try hash { _ in }
        #expect(try hash { $0.name = "b" } == original)
        #expect(try hash { $0.order = .published } == original)
        #expect(try hash { $0.order = .textBeforeEdited } != original)
        #expect(try hash { $0.template = "{instruction} " } != original)
        #expect(try hash { $0.labels[1].value = 2 } != original)
        #expect(try hash { $0.labels[1].tokens = ["1", "one"] } != original)
        #expect(try hash { $0.labels.reverse() } != original)
    }

    @Test("a scale that makes no sense is refused")
    func badScales() {
        func refuse(_ labels: [RubricLabel], normalize: String? = nil, _ error: RubricError) {
            let document = RubricDocument(template: "x", labels: labels, normalize: normalize)
            #expect(throws: error) { try Rubric(document, name: "t") }
        }
        let zero = RubricLabel(tokens: ["0"], value: 0)
        refuse([zero], .labelCount(rubric: "t", count: 1, limit: 128))
        refuse([], .labelCount(rubric: "t", count: 0, limit: 128))
        refuse([zero, RubricLabel(tokens: [], value: 1)], .labelTokens(rubric: "t", value: 1))
        refuse([zero, RubricLabel(tokens: [""], value: 1)], .labelTokens(rubric: "t", value: 1))
        refuse([zero, RubricLabel(tokens: ["0"], value: 1)], .repeatedToken(rubric: "t", token: "0"))
        refuse([zero, RubricLabel(tokens: ["1"], value: 0)], .values(rubric: "t"))
        refuse([zero, RubricLabel(tokens: ["1"], value: .infinity)], .values(rubric: "t"))
        refuse(Self.labels, normalize: "zscore", .unknownNormalization(rubric: "t", name: "zscore"))
    }

    @Test("YAML and JSON files give the same rubric")
    func files() throws {
        let folder = try TemporaryFolder()
        let yaml = """
            template: |-
              {instruction} / {requirement}
            order: text,source,edited
            labels:
              - {tokens: ["no", "No"], value: 0}
              - {tokens: [1], value: 1.0}
            normalize: minmax
            """
        let json = """
            {"template": "{instruction} / {requirement}", "order": "text,source,edited", "normalize": "minmax",
             "labels": [{"tokens": ["no", "No"], "value": 0}, {"tokens": ["1"], "value": 1}]}
            """
        try Data(yaml.utf8).write(to: folder.url.appending(path: "mine.yaml"))
        try Data(json.utf8).write(to: folder.url.appending(path: "mine.json"))
        let first = try RubricFile.load(folder.file("mine.yaml"))
        let second = try RubricFile.load(folder.file("mine.json"))
        #expect(first == second)
        #expect(first.name == "mine")
        #expect(first.order.description == "text,source,edited")
    }

    @Test("an unknown key, a wrong order and a missing file are named")
    func badFiles() throws {
        let folder = try TemporaryFolder()
        func message(_ text: String, file: String = "r.yaml") throws -> String {
            try Data(text.utf8).write(to: folder.url.appending(path: file))
            do {
                _ = try RubricFile.load(folder.file(file))
                return ""
            } catch {
                return error.description
            }
        }
        let labels = "labels: [{tokens: ['0'], value: 0}, {tokens: ['1'], value: 1}]"
        #expect(try message("template: x\ntempo: 3\n\(labels)").contains("\"tempo\""))
        #expect(try message("template: x\norder: source,text\n\(labels)").contains("source,text"))
        #expect(try message("template: x").contains("labels"))
        #expect(try message("{\"template\": ", file: "r.json").contains("r.json"))
        #expect(throws: RubricError.self) { try RubricFile.load(folder.file("absent.yaml")) }
    }

    @Test("labels are looked up, and one of several tokens is refused with its tokenisation")
    func tokens() throws {
        let library = try RubricLibrary()
        let resolved = try ResolvedRubric(library.standard, vocabulary: StubJudge())
        #expect(resolved.flatTokens == [48, 49, 50, 51, 52, 53])
        let document = RubricDocument(
            template: "x",
            labels: [RubricLabel(tokens: ["0"], value: 0), RubricLabel(tokens: ["10"], value: 10)]
        )
        let error = #expect(throws: RubricError.self) {
            try ResolvedRubric(Rubric(document, name: "ten"), vocabulary: StubJudge())
        }
        #expect(error == .notOneToken(rubric: "ten", label: "10", tokenization: "\"1\" (49) \"0\" (48)"))
    }

    @Test("a model folder's own rubric becomes the default")
    func ownRubric() throws {
        let folder = try TemporaryFolder()
        #expect(try ModelLocation.ownRubric(of: .folder(folder.path)) == nil)
        let yaml = "name: own\ntemplate: x\nlabels: [{tokens: ['0'], value: 0}, {tokens: ['1'], value: 1}]"
        try Data(yaml.utf8).write(to: folder.url.appending(path: "rubric.yaml"))
        let library = try RubricLibrary(own: ModelLocation.ownRubric(of: .folder(folder.path)))
        #expect(library.names == ["own", "edit-r1", "edit-r1-text-first"])
        #expect(try library.rubric(nil).name == "own")
        #expect(try library.rubric(.named("edit-r1")).name == "edit-r1")
        #expect(throws: RubricError.unknownName(name: "x", known: library.names)) {
            try library.rubric(.named("x"))
        }
    }
}
