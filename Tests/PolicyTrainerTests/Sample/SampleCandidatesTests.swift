import ArgumentParser
import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Command sample with candidates")
struct SampleCandidatesTests {
    private func run(_ options: [String], in folder: TemporaryFolder) async throws {
        let fixture = try PipelineFixture()
        try await SampleCommand.parse(
            [
                "--policy", fixture.policyFolder, "--image", fixture.picture, "--instruction", "make it blue",
                "--steps", "2",
            ] + options + [folder.file("out.png")]
        ).run()
    }

    @Test("candidate 0 is the picture of the seed alone, and every candidate has its own noise")
    func count() async throws {
        let folder = try TemporaryFolder()
        try await run(["--size", "32x24"], in: folder)
        try await run(["--size", "32x24", "--count", "3", "--grid", folder.file("grid.png")], in: folder)
        let alone = try ImageDecoder.decode(contentsOf: folder.file("out.png"))
        let pictures = try (1...3).map { try ImageDecoder.decode(contentsOf: folder.file("out-\($0).png")) }
        #expect(alone.width == 32 && alone.height == 24)
        #expect(pictures[0] == alone)
        #expect(pictures[1] != pictures[0] && pictures[2] != pictures[1])
        let bytes = try Data(contentsOf: URL(filePath: folder.file("out-2.png")))
        #expect(bytes.range(of: Data("candidate\0".utf8) + Data("1".utf8)) != nil)
        #expect(try ImageDecoder.decode(contentsOf: folder.file("grid.png")).width > 3 * 32)
    }

    @Test("scores sort the candidates, best first, in files, metadata and table")
    func score() async throws {
        let server = try ScriptedServer { _ in
            .reply(status: 200, body: JudgeReplies.body(scores: [0.25, 0.75, 0.5]))
        }
        let folder = try TemporaryFolder()
        try await run(["--count", "3"], in: folder)
        let unsorted = try (1...3).map { try ImageDecoder.decode(contentsOf: folder.file("out-\($0).png")) }
        try await run(["--count", "3", "--score", server.url], in: folder)
        let sorted = try (1...3).map { try ImageDecoder.decode(contentsOf: folder.file("out-\($0).png")) }
        #expect(sorted == [unsorted[1], unsorted[2], unsorted[0]])
        let best = try Data(contentsOf: URL(filePath: folder.file("out-1.png")))
        #expect(best.range(of: Data("score\0".utf8) + Data("0.75".utf8)) != nil)
        var candidates = SampleCandidates(unsorted)
        try await candidates.score(url: server.url, source: unsorted[0], instruction: "x")
        #expect(candidates.candidates.map(\.index) == [1, 2, 0])
        let lines = candidates.table(output: "out.png").split(separator: "\n")
        #expect(lines.count == 4 && lines[1].hasSuffix("out-1.png") && lines[1].contains("0.7500"))
    }

    @Test("a judge that gives no score leaves no file")
    func missing() async throws {
        let server = try ScriptedServer { _ in
            .reply(status: 200, body: JudgeReplies.body([.score(JudgeReplies.score(0.5))]))
        }
        let folder = try TemporaryFolder()
        await #expect(throws: (any Error).self) {
            try await run(["--count", "2", "--score", server.url], in: folder)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("out-1.png")))
    }

    @Test(
        "options that contradict one another are refused",
        arguments: [
            ["--size", "32x24", "--width", "32"], ["--size", "32x24", "--preferred-size"], ["--count", "0"],
            ["--count", "2", "--latents", "a.safetensors"], ["--size", "32"], ["--size", "0x8"],
        ]
    )
    func refusals(options: [String]) {
        #expect(throws: (any Error).self) {
            try SampleCommand.parse(["--image", "a.png", "--instruction", "x"] + options + ["out.png"])
        }
    }

    @Test("the preferred size has the nearest ratio; of two the narrower one")
    func preferredSize() {
        for (width, height) in KontextSize.preferred {
            #expect(KontextSize.nearest(width: width, height: height) == (width, height))
            #expect(width % 16 == 0 && height % 16 == 0)
        }
        #expect(KontextSize.preferred.count == 17)
        #expect(KontextSize.nearest(width: 100, height: 1_000) == (672, 1_568))
        #expect(KontextSize.nearest(width: 3_000, height: 1_000) == (1_568, 672))
        #expect(KontextSize.nearest(width: 640, height: 480) == (1_184, 880))
        #expect(KontextSize.nearest(width: 50, height: 50) == (1_024, 1_024))
    }
}
