import ArgumentParser
import Foundation
import Imaging
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Command sample with noise at every step")
struct SampleSolverTests {
    private func run(_ options: [String]) async throws -> PixelImage {
        let fixture = try PipelineFixture()
        let folder = try TemporaryFolder()
        try await SampleCommand.parse(
            [
                "--policy", fixture.policyFolder, "--image", fixture.picture, "--instruction",
                "make it blue", "--size", "32x24", "--steps", "3",
            ] + options + [folder.file("out.png")]
        ).run()
        return try ImageDecoder.decode(contentsOf: folder.file("out.png"))
    }

    @Test(
        "the seed decides, and the picture is not that of the solver without noise",
        arguments: StochasticSolverKind.allCases
    )
    func stochastic(kind: StochasticSolverKind) async throws {
        let options = ["--solver", kind.rawValue]
        let first = try await run(options)
        #expect(try await run(options) == first)
        #expect(try await run(options + ["--seed", "7"]) != first)
        #expect(try await run(options + ["--eta", "0.2"]) != first)
        #expect(try await run(["--solver", "flow"]) != first)
    }

    @Test(
        "strengths out of range or without use are refused",
        arguments: [
            ["--solver", "sde", "--eta", "0"], ["--solver", "ddim", "--eta", "1.5"], ["--eta", "0.5"],
            ["--solver", "dpm2", "--eta", "0.5"], ["--solver", "rk4"],
        ]
    )
    func refusals(options: [String]) {
        #expect(throws: (any Error).self) {
            try SampleCommand.parse(["--image", "a.png", "--instruction", "x"] + options + ["out.png"])
        }
    }

    @Test("every solver is chosen by its name")
    func names() {
        #expect(SampleSolver.allValueStrings.count == SolverKind.allCases.count + 3)
        for name in SampleSolver.allValueStrings {
            #expect(SampleSolver(argument: name)?.name == name)
        }
    }
}
