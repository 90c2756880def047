import Foundation
import TestSupport
import Testing

@Suite struct LogitsCommandTests {
    private struct Answer: Decodable {
        struct Row: Decodable {
            let id: Int
            let logProbability: Double
        }

        let tokenCount: Int
        let next: [Row]
    }

    private func answers(_ arguments: [String]) async throws -> [Answer] {
        let outcome = try await Shell.run(["logits", "--json", "--model", Fixtures.judge] + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try outcome.outputLines.map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
    }

    @Test("the probabilities of all tokens add up to 1, likeliest first")
    func whole() async throws {
        let arguments = ["--prompt", "Rate it.", "--image", Fixtures.path("edit-a.png"), "--top", "100000"]
        let answer = try #require(try await answers(arguments).first)
        #expect(abs(answer.next.reduce(0) { $0 + exp($1.logProbability) } - 1) < 1e-6)
        #expect(
            zip(answer.next, answer.next.dropFirst()).allSatisfy { $0.logProbability >= $1.logProbability }
        )
        #expect(Set(answer.next.map(\.id)).count == answer.next.count)
    }

    @Test("every list of tokens is a text of its own")
    func tokens() async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("tokens.json")
        try Data("[[1, 2, 3], [4], [1, 2, 3]]".utf8).write(to: URL(filePath: file))
        let found = try await answers(["--tokens", file, "--top", "7"])
        #expect(found.map(\.tokenCount) == [3, 1, 3])
        #expect(found[0].next.map(\.logProbability) == found[2].next.map(\.logProbability))
        #expect(found.allSatisfy { $0.next.count == 7 })
    }

    @Test(
        "what cannot be asked is one line",
        arguments: [
            [], ["--text", "a", "--prompt", "b"], ["--text", "a", "--image", "b.png"],
            ["--text", "a", "--top", "0"],
            ["--tokens", "/nowhere.json"], ["--text", ""], ["--text", "a", "--model", "/nowhere.gguf"],
        ]
    )
    func refused(_ arguments: [String]) async throws {
        let outcome = try await Shell.run(["logits"] + arguments)
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    }
}
