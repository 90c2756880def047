import ArgumentParser
import Foundation
import Imaging
import Shared
import Testing

@testable import PolicyTrainer

@Suite("Command sample")
struct SampleCommandTests {
    @Test("given latents lead to diffusers' final latents and picture; the reference is resized")
    func trajectory() async throws {
        let fixture = try PipelineFixture()
        let folder = FileManager.default.temporaryDirectory.appending(path: "sample-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let root = folder.path(percentEncoded: false)
        try SafetensorsWriter.write(
            ["latents": try fixture.tensors.tensor("trajectory.noise")],
            to: root + "/noise.safetensors"
        )
        let trajectory = fixture.manifest.trajectory
        try await SampleCommand.parse([
            "--policy", fixture.policyFolder, "--image", fixture.picture, "--instruction", trajectory.prompt,
            "--width", "32", "--height", "24", "--steps", "4", "--solver", "flow", "--guidance", "2.5",
            "--max-sequence-length", "\(trajectory.length)", "--latents", root + "/noise.safetensors",
            "--save-latents", root + "/final.safetensors", root + "/out.png",
        ]).run()
        let final = try SafetensorsFile(path: root + "/final.safetensors").tensor("latents")
        #expect(try fixture.error(final, "trajectory.flow.4") < fixture.manifest.tolerance)
        let image = try ImageDecoder.decode(contentsOf: root + "/out.png")
        let expected = try fixture.tensors.tensor("trajectory.image").values
        #expect(zip(image.pixels, expected).allSatisfy { abs(Float($0) - $1) <= 1 })
        let bytes = try Data(contentsOf: folder.appending(path: "out.png"))
        #expect(bytes.range(of: Data("instruction".utf8)) != nil)
        #expect(bytes.range(of: Data("solver\0flow".utf8)) != nil)
    }

    @Test("the picture's own size is rounded down to the grid, and a seed gives the same bits twice")
    func seeds() async throws {
        let fixture = try PipelineFixture()
        let folder = FileManager.default.temporaryDirectory.appending(path: "sample-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let root = folder.path(percentEncoded: false)
        func run(_ name: String, seed: Int) async throws -> Data {
            try await SampleCommand.parse([
                "--policy", fixture.policyFolder, "--image", fixture.picture, "--instruction", "日本 ü",
                "--steps", "2",
                "--seed", "\(seed)", "--solver", "dpm2", root + "/" + name,
            ]).run()
            return try Data(contentsOf: folder.appending(path: name))
        }
        let first = try await run("a.png", seed: 1)
        #expect(try await run("b.png", seed: 1) == first)
        #expect(try await run("c.png", seed: 2) != first)
        let image = try ImageDecoder.decode(contentsOf: root + "/a.png")
        #expect(image.width == 48 && image.height == 32)
    }

    @Test(
        "bad input is refused in one line",
        arguments: [
            (["--width", "33"], "multiples of 8"), (["--steps", "0"], "steps 0"),
            (["--latents", "/nonexistent.safetensors"], "/nonexistent.safetensors"),
            (["--max-sequence-length", "600"], "600"),
        ]
    )
    func refusals(extra: [String], words: String) async throws {
        let fixture = try PipelineFixture()
        let command = try SampleCommand.parse(
            [
                "--policy", fixture.policyFolder, "--image", fixture.picture, "--instruction", "x",
            ] + extra + [NSTemporaryDirectory() + "/never-written.png"]
        )
        await #expect {
            try await command.run()
        } throws: {
            "\($0)".contains(words) && !"\($0)".contains("\n")
        }
    }

    @Test("an output that is not a PNG or has no folder is refused before any work")
    func output() async throws {
        for path in ["/tmp/out.jpg", "/nonexistent/out.png"] {
            let command = try SampleCommand.parse(["--image", "/none.png", "--instruction", "x", path])
            await #expect(throws: PolicyError.self) { try await command.run() }
        }
        #expect(throws: (any Error).self) {
            try SampleCommand.parse(["--image", "a.png", "--instruction", "x", "--solver", "rk4", "out.png"])
        }
    }
}
