import Foundation
import Shared
import Testing

@testable import RewardServer

@Suite struct PrecisionOptionTests {
    @Test("bf16 on a CPU without its instructions is a one-line error with a remedy")
    func missingInstructions() async throws {
        let outcome = try await Shell.run(
            ["inspect", "--precision", "bf16"],
            environment: ["ONEDNN_MAX_CPU_ISA": "AVX2"]
        )
        #expect(outcome.status != 0)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errors.contains("no bf16 arithmetic") && outcome.errors.contains("--precision f32"))
    }

    @Test(
        "int8 works without VNNI and AVX-512, whose library adds in 16 bits",
        .enabled(if: Precision.int8.obstacle == nil, "needs oneDNN"),
        arguments: ["AVX2", "DEFAULT"]
    )
    func instructionLevels(level: String) async throws {
        let arguments = ["selfcheck", "--precision", "int8"]
        let outcome = try await Shell.run(arguments, environment: ["ONEDNN_MAX_CPU_ISA": level])
        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
    }

    @Test("inspect says which arithmetic a model would run in")
    func inspection() async throws {
        let outcome = try await Shell.run(["inspect"])
        #expect(outcome.output.contains("arithmetic   linear layers in f32"))
    }

    @Test("--precision is refused beside --url")
    func remote() async throws {
        let question = ["--source", "a.png", "--instruction", "make it blue", "b.png"]
        let outcome = try await Shell.run(
            ["score", "--url", "http://127.0.0.1:9", "--precision", "bf16"] + question
        )
        #expect(outcome.status != 0 && outcome.errors.contains("--precision is the server's"))
    }
}
