import Foundation
import Testing

@testable import RewardServer

@Suite struct SelfcheckCommandTests {
    @Test("the embedded judge passes: exit code 0, a verdict a line")
    func embedded() async throws {
        let outcome = try await Shell.run(["selfcheck"])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        #expect(outcome.outputLines.count { $0.hasSuffix("  ok") } == 7, "\(outcome.output)")
        #expect(outcome.output.contains("tells right edits from wrong ones"))
    }

    @Test("random weights fail: exit code 1, verdicts on stdout, nothing on stderr")
    func random() async throws {
        let outcome = try await Shell.run(["selfcheck", "--model", Fixtures.judge, "--json"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.isEmpty)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        )
        #expect(object["ok"] as? Bool == false)
        #expect(object["repeatable"] as? Bool == true)
        let checks = try #require(object["checks"] as? [[String: Any]])
        #expect(
            checks.map { $0["check"] as? String } == [
                "identity", "black", "wrong_edit", "shuffled_instruction", "swapped_images", "repeated_noise",
            ]
        )
    }

    @Test(
        "what cannot work is one line on stderr and exit code 1",
        arguments: [
            ["selfcheck", "--model", "/nowhere"], ["selfcheck", "--scenes", "2"],
            ["selfcheck", "--side", "50"],
            ["selfcheck", "--rubric", "absent"], ["selfcheck", "surplus"],
        ]
    )
    func refusals(_ arguments: [String]) async throws {
        let outcome = try await Shell.run(arguments)
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    }
}
