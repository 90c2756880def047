import ArgumentParser
import Foundation
import Imaging
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Command sample with several pictures")
struct SeveralPicturesTests {
    private func run(_ policy: String, _ pictures: [String], to output: String) async throws -> PixelImage {
        try await SampleCommand.parse(
            ["--policy", policy, "--instruction", "make it blue", "--steps", "1"]
                + pictures.flatMap { ["--image", $0] } + [output]
        ).run()
        return try ImageDecoder.decode(contentsOf: output)
    }

    @Test("the 2509 release takes up to three: the first gives the size, the others change the result")
    func plus() async throws {
        let fixture = try QwenImageFixture()
        let folder = try TemporaryFolder()
        let (first, second) = (fixture.root + "/qwen_first.png", fixture.root + "/qwen_second.png")
        let one = try await run(fixture.folder, [first], to: folder.file("one.png"))
        let two = try await run(fixture.folder, [first, second], to: folder.file("two.png"))
        let three = try await run(fixture.folder, [first, second, second], to: folder.file("three.png"))
        for picture in [two, three] { #expect(picture.width == one.width && picture.height == one.height) }
        #expect(one != two && two != three)
        await #expect {
            _ = try await run(fixture.folder, [first, second, first, second], to: folder.file("four.png"))
        } throws: {
            "\($0)".contains("4 pictures") && "\($0)".contains("1 to 3")
        }
    }

    @Test(
        "policies of one picture refuse two by name, and none is refused",
        arguments: EmbeddedPolicy.allCases
    )
    func refusals(embedded: EmbeddedPolicy) async throws {
        let fixture = try QwenImageFixture()
        let folder = try TemporaryFolder()
        let picture = fixture.root + "/qwen_first.png"
        await #expect {
            _ = try await run(embedded.rawValue, [picture, picture], to: folder.file("a.png"))
        } throws: {
            "\($0)".contains("2 pictures")
                && "\($0)".contains(embedded == .kontext ? "FluxKontextPipeline" : "QwenImageEditPipeline")
        }
        #expect(throws: (any Error).self) {
            try SampleCommand.parse(["--instruction", "x", "out.png"])
        }
    }
}
