import ArgumentParser
import Foundation
import Imaging
import Shared

/// Edits one picture with a policy.
struct SampleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Edit one picture with a policy and write the result as PNG.",
        discussion: """
            With --count the files are out-1.png, out-2.png, …, in the order of their noise, or best first with \
            --score. Candidate 0 is the picture that the same seed gives without --count. \
            With --latents and --save-latents a whole trajectory can be compared with diffusers: the first file holds \
            the initial noise, the second the final latents, both packed [tokens, channels] under the key "latents". \
            docs/Sampling.md shows the matching call of FluxKontextPipeline.
            """
    )

    @Option(
        help:
            "Folder of a FluxKontextPipeline, QwenImageEditPipeline or QwenImageEditPlusPipeline, or \(EmbeddedPolicy.names); \"embedded\" when left out."
    )
    var policy: String?

    @Option(
        help: """
            Picture to edit, PNG, JPEG or WebP, "-" for standard input; resized (Lanczos) to width × height when it has \
            another size. A \
            QwenImageEditPlusPipeline takes up to three, each with an --image of its own; the first gives the size.
            """
    )
    var image: [String]

    @Option(help: "Safetensors or GGUF file with the transformer's weights instead of the folder's.")
    var transformer: String?

    @Option(help: "What to change.")
    var instruction: String

    @Option(
        help:
            "Width of the result in pixels; the picture's own, rounded down to the policy's grid, when left out."
    )
    var width: Int?

    @Option(help: "Height of the result in pixels, likewise.")
    var height: Int?

    @Option(help: "Both at once, for example 512x768.")
    var size: PictureSize?

    @Flag(help: "Take the nearest of FLUX.1-Kontext's 17 preferred sizes (672x1568 … 1568x672).")
    var preferredSize = false

    @Option(help: "How many candidates to make, each from its own noise.")
    var count = 1

    @Option(help: "PNG file for a picture of all candidates.")
    var grid: String?

    @Option(help: "Reward server that scores the candidates; they are sorted and a table is printed.")
    var score: String?

    @Option(help: "Solver steps.")
    var steps = 28

    @Option(
        help:
            "Solver; \(StochasticSolverKind.allCases.map(\.rawValue).joined(separator: ", ")) add noise at every step."
    )
    var solver = SampleSolver.deterministic(.flow)

    @Option(
        help:
            "Strength of the noise that \(StochasticSolverKind.allCases.map(\.rawValue).joined(separator: ", ")) add; 0.7 when left out."
    )
    var eta: Double?

    @Option(
        help:
            "Guidance: 2.5 for FLUX.1-Kontext, where it is distilled, and 4 for Qwen-Image-Edit, away from an empty text, when left out."
    )
    var guidance: Float?

    @Option(help: "Seed of the initial noise.")
    var seed: UInt64 = 42

    @Option(name: .customLong("max-sequence-length"), help: "Tokens the instruction is padded to for T5.")
    var maximumSequenceLength: Int?

    @Option(
        help: "Adapter to add: a folder of peft or diffusers, or a .safetensors file of diffusers or kohya."
    )
    var lora: String?

    @Option(
        help: """
            How the transformer's weights are kept: \(BaseWeightFormat.allCases.map(\.rawValue).joined(separator: ", ")); \
            auto is f32 up to 1 GiB, else as stored.
            """
    )
    var baseWeights = BaseWeightFormat.auto

    @Option(help: "Arithmetic of products with the transformer's weights: f32 or bf16.")
    var precision = TrainingPrecision.float32

    @Option(help: "Safetensors file with the initial noise under \"latents\", instead of the seed's.")
    var latents: String?

    @Option(name: .customLong("save-latents"), help: "Safetensors file for the final packed latents.")
    var saveLatents: String?

    @Argument(help: "PNG file to write.")
    var output: String

    func validate() throws {
        guard [width != nil || height != nil, size != nil, preferredSize].count(where: { $0 }) <= 1 else {
            throw ValidationError("--width and --height, --size, and --preferred-size exclude one another")
        }
        guard !image.isEmpty else { throw ValidationError("give a picture with --image") }
        guard eta == nil || solver.addsNoise else {
            throw ValidationError("--eta is for a solver that adds noise, not \(solver.name)")
        }
        if case .stochastic(let kind) = solver { _ = try kind.solver(eta: noiseStrength) }
        guard (1...1_000).contains(count) else { throw ValidationError("--count must be 1 to 1000") }
        guard count == 1 || (latents == nil && saveLatents == nil) else {
            throw ValidationError("--latents and --save-latents are for one candidate, not --count \(count)")
        }
    }

    func run() async throws {
        try checkOutput()
        Parallel.configure(
            threads: ProcessInfo.processInfo.activeProcessorCount,
            threadsOfProduct: ProcessInfo.processInfo.activeProcessorCount
        )
        let pictures = try image.map { try ImageDecoder.decode(contentsOf: $0) }
        let source = pictures[0]
        let folder = try EmbeddedPolicy.folder(named: policy)
        let plan = try MemoryPlan.prepare(
            folder: folder,
            transformerFile: transformer,
            weights: BaseWeightOptions(format: baseWeights, precision: precision),
            work: MemoryPlan.Work(
                width: size?.width ?? width ?? source.width,
                height: size?.height ?? height ?? source.height,
                textLength: maximumSequenceLength
            )
        )
        FileHandle.standardError.write(Data((plan.table + "\n").utf8))
        let policy = try PolicyFamily.load(
            folder: folder,
            transformerFile: transformer,
            weights: plan.weights
        )
        if let guidance, policy.defaultGuidance == nil {
            throw PolicyError.setting(
                name: "guidance",
                value: "\(guidance)",
                reason: "this policy's transformer takes no guidance"
            )
        }
        let adapter = try lora.map { try LoRAAdapter.read(path: $0, for: policy.transformer) }
        let size = resultSize(of: source, tokenSide: policy.imageConditioner.tokenSide)
        let grid = try policy.grid(width: size.width, height: size.height)
        let reference = policy.imageConditioner.fitted(source, to: grid)
        let conditioning = try policy.conditioning(
            instruction,
            pictures: pictures,
            target: grid,
            guided: (guidance ?? policy.defaultGuidance ?? 1) > 1,
            maximumLength: maximumSequenceLength
        )
        if let score { try await SampleCandidates.connect(to: score) }
        let bar = SampleProgress(steps: steps * count)
        // One at a time: memory does not grow with the count, and a candidate has the same bits in any company.
        let edits = try (0..<count).map { index in
            let request = SampleRequest(
                conditioning: conditioning,
                noise: try initialNoise(policy: policy, grid: grid, candidate: index)
            )
            let progress: (Int) -> Void = { bar.show(index * steps + $0) }
            let final =
                switch solver {
                case .deterministic(let kind):
                    try policy.sample(
                        [request],
                        grid: grid,
                        steps: steps,
                        solver: kind,
                        guidance: guidance,
                        adapter: adapter,
                        progress: progress
                    )
                case .stochastic(let kind):
                    try policy.sample(
                        [request],
                        seeds: [seeds(candidate: index)],
                        grid: grid,
                        steps: steps,
                        solver: try kind.solver(eta: noiseStrength),
                        guidance: guidance,
                        adapter: adapter,
                        progress: progress
                    )
                }
            if let saveLatents {
                try SafetensorsWriter.write(["latents": final[0]], to: saveLatents)
            }
            return policy.decode(final, grid: grid)[0]
        }
        var candidates = SampleCandidates(edits)
        if let score {
            try await candidates.score(url: score, source: reference, instruction: instruction)
        }
        for (place, candidate) in candidates.candidates.enumerated() {
            let png = try PNGEncoder.encode(
                candidate.picture,
                text: metadata(policy: policy, candidate: candidate)
            )
            try AtomicFile.write(Data(png), to: candidates.path(place, output: output))
        }
        if count > 1 || score != nil { print(candidates.table(output: output)) }
        if let grid = self.grid {
            try candidates.grid(source: reference, instruction: instruction).write(to: grid)
        }
    }

    /// The size that was asked for, else the picture's own rounded down to the grid of tokens.
    private func resultSize(of source: PixelImage, tokenSide side: Int) -> PictureSize {
        if let size { return size }
        if preferredSize {
            let nearest = KontextSize.nearest(width: source.width, height: source.height)
            return PictureSize(width: nearest.width, height: nearest.height)
        }
        return PictureSize(
            width: width ?? source.width / side * side,
            height: height ?? source.height / side * side
        )
    }

    /// Refuses a place for the result that cannot be written, before any work is done.
    private func checkOutput() throws {
        guard output.lowercased().hasSuffix(".png") else {
            throw PolicyError.setting(name: "output", value: output, reason: "its name must end in .png")
        }
        if let grid, !grid.lowercased().hasSuffix(".png") {
            throw PolicyError.setting(name: "grid", value: grid, reason: "its name must end in .png")
        }
        guard image.count(where: { $0 == PictureFile.standardInput }) < 2 else {
            throw PolicyError.setting(
                name: "image",
                value: PictureFile.standardInput,
                reason: "standard input holds one picture; give it once"
            )
        }
        for path in [output, saveLatents, grid].compactMap({ $0 }) {
            let folder = PathText.folder(of: path)
            guard FileManager.default.fileExists(atPath: folder.isEmpty ? "." : folder) else {
                throw PolicyError.setting(name: "output", value: path, reason: "its folder does not exist")
            }
        }
    }

    /// Strength of the noise of a solver that adds some.
    private var noiseStrength: Double { eta ?? 0.7 }

    /// The random stream of a candidate; that of candidate 0 is the seed's own.
    private func seeds(candidate: Int) -> SeedTree {
        let seeds = SeedTree(seed: seed)["sample"]
        return candidate == 0 ? seeds : seeds[candidate]
    }

    private func initialNoise(
        policy: any EditingPolicy,
        grid: TokenGrid,
        candidate: Int
    ) throws -> Tensor {
        guard let latents else {
            return policy.noise(grid: grid, seeds: seeds(candidate: candidate))
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
    private func metadata(
        policy: any EditingPolicy,
        candidate: SampleCandidates.Candidate
    ) -> [(String, String)] {
        func latin(_ text: String) -> String {
            text.unicodeScalars.map { scalar in
                scalar.value < 0x100 && scalar.value > 0
                    ? String(Character(scalar)) : "\\u{\(String(scalar.value, radix: 16))}"
            }.joined()
        }
        var entries = [
            ("Software", "edit-r1 policy-trainer"), ("instruction", latin(instruction)),
            ("policy", latin(policy.name)), ("policy-fingerprint", policy.fingerprint), ("steps", "\(steps)"),
            ("solver", solver.name),
        ]
        if let strength = guidance ?? policy.defaultGuidance { entries.append(("guidance", "\(strength)")) }
        if solver.addsNoise { entries.append(("eta", "\(noiseStrength)")) }
        if count > 1 { entries.append(("candidate", "\(candidate.index)")) }
        if let score = candidate.score { entries.append(("score", "\(score)")) }
        if let transformer { entries.append(("transformer", latin(transformer))) }
        if let lora { entries.append(("lora", latin(lora))) }
        if let latents { entries.append(("latents", latin(latents))) }
        if latents == nil || solver.addsNoise { entries.append(("seed", "\(seed)")) }
        return entries
    }
}

extension SolverKind: ExpressibleByArgument {}
extension BaseWeightFormat: ExpressibleByArgument {}
extension TrainingPrecision: ExpressibleByArgument {}

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
