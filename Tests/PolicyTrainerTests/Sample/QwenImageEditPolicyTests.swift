import ArgumentParser
import Foundation
import Imaging
import MLLMRuntime
import Shared
import Testing

@testable import PolicyTrainer

/// Against diffusers 0.42.1 with transformers 5.23.0; see Fixtures/qwen_image.json.
@Suite("Qwen-Image-Edit policy")
struct QwenImageEditPolicyTests {
    private func policy(
        _ fixture: QwenImageFixture,
        _ variant: QwenImageConditioner.Variant
    ) throws -> QwenImageEditPolicy {
        try QwenImageEditPolicy(
            index: ModelIndex(folder: fixture.folder),
            variant: variant,
            conditionArea: fixture.manifest.trajectory.conditionArea
        )
    }

    private func pictures(_ fixture: QwenImageFixture, _ variant: QwenImageConditioner.Variant) throws
        -> [PixelImage]
    {
        let names = variant == .plus ? ["qwen_first.png", "qwen_second.png"] : ["qwen_first.png"]
        return try names.map { try ImageDecoder.decode(contentsOf: fixture.root + "/" + $0) }
    }

    private func conditioning(
        _ fixture: QwenImageFixture,
        _ policy: QwenImageEditPolicy,
        _ instruction: String,
        guided: Bool = false
    ) throws -> EditConditioning {
        let trajectory = fixture.manifest.trajectory
        return try policy.conditioning(
            instruction,
            pictures: try pictures(fixture, policy.textConditioner.variant),
            target: try policy.grid(width: trajectory.width, height: trajectory.height),
            guided: guided,
            maximumLength: nil
        )
    }

    @Test(
        "the states of short, long, CJK and empty instructions equal the pipeline's",
        arguments: [QwenImageConditioner.Variant.plus, .edit]
    )
    func promptStates(variant: QwenImageConditioner.Variant) throws {
        let fixture = try QwenImageFixture()
        let policy = try policy(fixture, variant)
        for (index, prompt) in fixture.manifest.prompts.enumerated() {
            let text = try conditioning(fixture, policy, prompt).text
            #expect(
                try fixture.error(text, "text.\(variant == .plus ? "plus" : "edit").\(index)") < 1e-4,
                "\(prompt)"
            )
        }
        let count = policy.textConditioner.model.headerCount(system: QwenImageConditioner.systemMessage)
        #expect(count == fixture.manifest.trajectory.drop)
    }

    @Test(
        "a whole trajectory equals diffusers', with and without guidance",
        arguments: [QwenImageConditioner.Variant.plus, .edit],
        [false, true]
    )
    func trajectory(variant: QwenImageConditioner.Variant, guided: Bool) throws {
        let fixture = try QwenImageFixture()
        let (policy, trajectory) = (try policy(fixture, variant), fixture.manifest.trajectory)
        let grid = try policy.grid(width: trajectory.width, height: trajectory.height)
        let request = SampleRequest(
            conditioning: try conditioning(fixture, policy, trajectory.prompt, guided: guided),
            noise: try fixture.tensors.tensor("trajectory.noise")
        )
        let final = try policy.sample(
            [request],
            grid: grid,
            steps: 3,
            solver: .flow,
            guidance: guided ? 4 : 1
        )[0]
        let name = "trajectory." + (variant == .plus ? "plus" : "edit") + (guided ? ".guided" : "")
        #expect(try fixture.error(final, name) < fixture.manifest.tolerance)
    }

    @Test("the decoded picture equals diffusers' within one level")
    func picture() throws {
        let fixture = try QwenImageFixture()
        let (policy, trajectory) = (try policy(fixture, .plus), fixture.manifest.trajectory)
        let grid = try policy.grid(width: trajectory.width, height: trajectory.height)
        let image = policy.decode([try fixture.tensors.tensor("trajectory.plus")], grid: grid)[0]
        let expected = try fixture.tensors.tensor("trajectory.image")
        #expect(image.height == expected.shape[0] && image.width == expected.shape[1])
        #expect(zip(image.pixels, expected.values).allSatisfy { abs(Float($0) - $1) <= 1 })
    }

    @Test("texts of different length in one batch are the texts alone up to rounding")
    func batch() throws {
        let fixture = try QwenImageFixture()
        let (policy, trajectory) = (try policy(fixture, .plus), fixture.manifest.trajectory)
        let grid = try policy.grid(width: trajectory.width, height: trajectory.height)
        let items = try fixture.manifest.prompts.prefix(2).enumerated().map { index, prompt in
            PolicyItem(
                conditioning: try conditioning(fixture, policy, prompt),
                latent: policy.noise(grid: grid, seeds: SeedTree(seed: 3)["noise", index]),
                sigma: index == 0 ? 0.4 : 0.9
            )
        }
        #expect(items[0].conditioning.text.rowCount != items[1].conditioning.text.rowCount)
        let together = policy.velocity(items, grid: grid, guidance: nil, adapter: nil)
        for (index, item) in items.enumerated() {
            let alone = policy.velocity([item], grid: grid, guidance: nil, adapter: nil)
            let rows = together.rows((index * grid.count)..<((index + 1) * grid.count))
            #expect(relativeDifference(alone, rows) < 1e-5)
        }
    }

    @Test(
        "the published vocabulary makes the 64 dropped tokens of the system turn and the user turn's head",
        .enabled(if: ProcessInfo.processInfo.environment["EDIT_R1_TOKENIZER"] != nil)
    )
    func publishedHeader() throws {
        let folder = try #require(ProcessInfo.processInfo.environment["EDIT_R1_TOKENIZER"])
        let tokenizer = try Tokenizer(folder: folder)
        // Three special tokens stand between these texts.
        let texts = ["system\n" + QwenImageConditioner.systemMessage, "\n", "user\n"]
        #expect(
            texts.reduce(3) { $0 + tokenizer.encode($1).count } == QwenImageConditioner.publishedHeaderCount
        )
    }

    @Test("guidance keeps each token's length, is the identity at 1, and leaves a zero token zero")
    func guidance() {
        let guided = Tensor([3, 4, 1, -2, 5, 5], shape: [3, 2])
        let unguided = Tensor([1, 1, 0.5, 2, 5, 5], shape: [3, 2])
        let found = QwenImageGuidance.combine(guided: guided, unguided: unguided, scale: 4).values
        // u = (9, 13) and (2.5, -14): lengths √250 and √202.25 become 5 and √5.
        let expected: [Float] = [
            9 * 5 / Float(250).squareRoot(), 13 * 5 / Float(250).squareRoot(),
            2.5 * Float(5 / 202.25).squareRoot(), -14 * Float(5 / 202.25).squareRoot(), 5, 5,
        ]
        #expect(relativeDifference(Tensor(found), Tensor(expected)) < 1e-6)
        let same = QwenImageGuidance.combine(guided: guided, unguided: unguided, scale: 1)
        #expect(relativeDifference(same, guided) < 1e-6)
        let zero = QwenImageGuidance.combine(
            guided: Tensor([0, 0] as [Float], shape: [1, 2]),
            unguided: Tensor([0, 0] as [Float], shape: [1, 2]),
            scale: 4
        )
        #expect(zero.values == [0, 0])
    }

    @Test(
        "pictures come to an area in multiples of 32, halves to even",
        arguments: [
            (640, 480, 1024 * 1024, 1184, 896), (1000, 1000, 384 * 384, 384, 384), (50, 37, 64 * 48, 64, 32),
            (28, 45, 64 * 48, 32, 64), (3000, 100, 384 * 384, 2112, 64), (10, 3000, 1024, 32, 544),
        ]
    )
    func sizes(width: Int, height: Int, area: Int, expectedWidth: Int, expectedHeight: Int) {
        let picture = PixelImage(
            width: width,
            height: height,
            pixels: [UInt8](repeating: 0, count: width * height * 3)
        )
        let size = QwenImageSizes.fitting(area: area, picture)
        #expect(size.width == expectedWidth && size.height == expectedHeight)
    }

    @Test(
        "a folder of the class loads through the family, trains through the runner, and refuses too many pictures"
    )
    func family() throws {
        let fixture = try QwenImageFixture()
        let policy = try PolicyFamily.load(folder: fixture.folder)
        #expect(policy is QwenImageEditPolicy && policy.defaultGuidance == 4)
        let picture = try pictures(fixture, .plus)[0]
        #expect {
            _ = try policy.conditioning(
                "x",
                pictures: [PixelImage](repeating: picture, count: 4),
                target: TokenGrid(rows: 2, columns: 2),
                guided: false,
                maximumLength: nil
            )
        } throws: {
            "\($0)".contains("4 pictures")
        }
        #expect {
            _ = try FluxKontextPolicy.load(folder: fixture.folder)
        } throws: {
            "\($0)".contains("QwenImageEditPlusPipeline")
        }
        var configuration = TrainerConfiguration()
        configuration.resolution = 32
        let runner = try PolicyRunner(folder: fixture.folder, configuration: configuration)
        let rows = ["a", "make the red circle blue"].map {
            (instruction: $0, image: picture.resized(width: 32, height: 32, filter: .lanczos))
        }
        let conditionings = try runner.conditioning(of: rows)
        let items = conditionings.enumerated().map { index, conditioning in
            PolicyItem(
                conditioning: conditioning,
                latent: runner.noise(SeedTree(seed: UInt64(index))),
                sigma: 0.5
            )
        }
        let adapter = try fixture.adapter()
        let gradients = runner.backward(items[...], trained: adapter, checkpointing: 1) { velocity, _ in
            velocity
        }
        #expect(gradients.names.contains { $0.hasSuffix(LoRAAdapter.upSuffix) })
        let sampled = try runner.sample(
            conditionings.map { (conditioning: $0, noise: runner.noise(SeedTree(seed: 1))) },
            adapter: adapter,
            steps: 2,
            solver: .dpm2
        )
        #expect(sampled.count == 2 && sampled.allSatisfy(\.isFinite))
    }

    @Test("the command sample edits with such a folder, and the seed decides")
    func command() async throws {
        let fixture = try QwenImageFixture()
        let folder = FileManager.default.temporaryDirectory.appending(path: "qwen-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let root = folder.path(percentEncoded: false)
        func run(_ name: String, seed: Int) async throws -> Data {
            try await SampleCommand.parse([
                "--policy", fixture.folder, "--image", fixture.root + "/qwen_first.png",
                "--instruction", "make it blue", "--width", "32", "--height", "24", "--steps", "2",
                "--seed", "\(seed)", root + "/" + name,
            ]).run()
            return try Data(contentsOf: folder.appending(path: name))
        }
        let first = try await run("a.png", seed: 1)
        #expect(try await run("b.png", seed: 1) == first)
        #expect(try await run("c.png", seed: 2) != first)
        let image = try ImageDecoder.decode(contentsOf: root + "/a.png")
        #expect(image.width == 32 && image.height == 24)
    }
}
