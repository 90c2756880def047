internal import ArgumentParser
internal import Foundation
internal import Imaging
internal import Shared

/// Edits one picture with a policy.
struct SampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Edit one picture with a policy and write the result as PNG.",
        discussion: """
            With --latents and --save-latents a whole trajectory can be compared with diffusers: the first file holds \
            the initial noise, the second the final latents, both packed [tokens, channels] under the key "latents". \
            docs/Sampling.md shows the matching call of FluxKontextPipeline.
            """
    )

    @Option(
        help:
            "Folder of a FluxKontextPipeline, QwenImageEditPipeline or QwenImageEditPlusPipeline; the embedded policy when left out."
    )
    var policy: String?

    @Option(
        help: "Picture to edit, PNG or JPEG; resized (Lanczos) to width × height when it has another size."
    )
    var image: String

    @Option(help: "What to change.")
    var instruction: String

    @Option(
        help:
            "Width of the result in pixels; the picture's own, rounded down to the policy's grid, when left out."
    )
    var width: Int?

    @Option(help: "Height of the result in pixels, likewise.")
    var height: Int?

    @Option(help: "Solver steps.")
    var steps = 28

    @Option(help: "Solver: \(SolverKind.allCases.map(\.rawValue).joined(separator: " or ")).")
    var solver = SolverKind.flow

    @Option(
        help:
            "Guidance: 2.5 for FLUX.1-Kontext, where it is distilled, and 4 for Qwen-Image-Edit, away from an empty text, when left out."
    )
    var guidance: Float?

    @Option(help: "Seed of the initial noise.")
    var seed: UInt64 = 42

    @Option(name: .customLong("max-sequence-length"), help: "Tokens the instruction is padded to for T5.")
    var maximumSequenceLength: Int?

    @Option(help: "Folder of a PEFT adapter to add to the transformer.")
    var lora: String?

    @Option(help: "Safetensors file with the initial noise under \"latents\"; then the seed is not used.")
    var latents: String?

    @Option(name: .customLong("save-latents"), help: "Safetensors file for the final packed latents.")
    var saveLatents: String?

    @Argument(help: "PNG file to write.")
    var output: String

    func run() throws {
        try checkOutput()
        Parallel.configure(
            threads: ProcessInfo.processInfo.activeProcessorCount,
            threadsOfProduct: ProcessInfo.processInfo.activeProcessorCount
        )
        let source = try ImageDecoder.decode(contentsOf: image)
        let policy = try PolicyFamily.load(folder: try policy ?? EmbeddedPolicy.folder())
        if let guidance, policy.defaultGuidance == nil {
            throw PolicyError.setting(
                name: "guidance",
                value: "\(guidance)",
                reason: "this policy's transformer takes no guidance"
            )
        }
        let adapter = try lora.map { try PEFTFolder.read(folder: $0, for: policy.transformer) }
        let side = policy.imageConditioner.tokenSide
        let size = (width: width ?? source.width / side * side, height: height ?? source.height / side * side)
        let grid = try policy.grid(width: size.width, height: size.height)
        let request = SampleRequest(
            conditioning: try policy.conditioning(
                instruction,
                pictures: [source],
                target: grid,
                guided: (guidance ?? policy.defaultGuidance ?? 1) > 1,
                maximumLength: maximumSequenceLength
            ),
            noise: try initialNoise(policy: policy, grid: grid)
        )
        let bar = SampleProgress(steps: steps)
        let final = try policy.sample(
            [request],
            grid: grid,
            steps: steps,
            solver: solver,
            guidance: guidance,
            adapter: adapter,
            progress: bar.show
        )
        if let saveLatents {
            try SafetensorsWriter.write(["latents": final[0]], to: saveLatents)
        }
        let result = policy.decode(final, grid: grid)[0]
        try AtomicFile.write(Data(PNGEncoder.encode(result, text: metadata(policy: policy))), to: output)
    }

    /// Refuses a place for the result that cannot be written, before any work is done.
    private func checkOutput() throws {
        guard output.lowercased().hasSuffix(".png") else {
            throw PolicyError.setting(name: "output", value: output, reason: "its name must end in .png")
        }
        for path in [output, saveLatents].compactMap({ $0 }) {
            let folder = (path as NSString).deletingLastPathComponent
            guard FileManager.default.fileExists(atPath: folder.isEmpty ? "." : folder) else {
                throw PolicyError.setting(name: "output", value: path, reason: "its folder does not exist")
            }
        }
    }

    private func initialNoise(policy: any EditingPolicy, grid: TokenGrid) throws -> Tensor {
        guard let latents else {
            return policy.noise(grid: grid, seeds: SeedTree(seed: seed)["sample"])
        }
        let file = try SafetensorsFile(path: latents)
        let tensor = try file.tensor("latents")
        let expected = [grid.rows * grid.columns, policy.channels]
        guard tensor.shape == expected || tensor.shape == [1] + expected else {
            throw PolicyError.latentShape(expected: expected, found: tensor.shape)
        }
        guard tensor.isFinite else { throw WeightError.nonFinite(name: "latents of \(latents)") }
        return tensor.reshaped(expected)
    }

    /// What made the picture, for the PNG's text chunks; characters beyond Latin-1 are written as \u{…}.
    private func metadata(policy: any EditingPolicy) -> [(String, String)] {
        func latin(_ text: String) -> String {
            text.unicodeScalars.map { scalar in
                scalar.value < 0x100 && scalar.value > 0
                    ? String(Character(scalar)) : "\\u{\(String(scalar.value, radix: 16))}"
            }.joined()
        }
        var entries = [
            ("Software", "edit-r1 policy-trainer"), ("instruction", latin(instruction)),
            ("policy", latin(policy.name)), ("policy-fingerprint", policy.fingerprint), ("steps", "\(steps)"),
            ("solver", solver.rawValue),
        ]
        if let strength = guidance ?? policy.defaultGuidance { entries.append(("guidance", "\(strength)")) }
        if let lora { entries.append(("lora", latin(lora))) }
        entries.append(latents.map { ("latents", latin($0)) } ?? ("seed", "\(seed)"))
        return entries
    }
}

extension SolverKind: ExpressibleByArgument {}

/// A bar on standard error that grows with the steps, when that is a terminal.
private struct SampleProgress {
    let steps: Int

    func show(_ done: Int) {
        guard isatty(STDERR_FILENO) == 1, steps > 0 else { return }
        let filled = 30 * done / steps
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        let line = "\r\(bar) \(done)/\(steps) steps" + (done == steps ? "\n" : "")
        FileHandle.standardError.write(Data(line.utf8))
    }
}
