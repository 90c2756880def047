import Imaging
import MLLMRuntime
import Shared

/// The cases of `bench`, from single products to whole groups.
struct BenchRun {
    /// The model.
    let model: LanguageVisionModel
    /// What is asked of every pair.
    let text: String
    /// Whether the long cases are left out and the others repeated less.
    let isQuick: Bool
    /// Number formats of the model's products.
    let peak: InstructionPeak

    /// Side of the images, in pixels.
    private static let side = 512
    private var timer: BenchTimer {
        BenchTimer(peak: peak, budget: isQuick ? .milliseconds(150) : .seconds(2))
    }

    /// Measures all cases.
    ///
    /// - Parameter report: Receives every record once it is there.
    /// - Throws: What the runtime throws.
    func run(_ report: (BenchRecord) throws -> Void) throws {
        try peaks(report)
        try products(report)
        try vision(report)
        try prefill(report)
        try groups(report)
    }

    private func peaks(_ report: (BenchRecord) throws -> Void) throws {
        for kind in InstructionPeak.allCases where kind.isAvailable {
            ProcessMemory.resetPeak()
            let duration = Duration.milliseconds(isQuick ? 100 : 500)
            let rate = kind.measure(for: duration) / 1e12
            let seconds = duration / .seconds(1)
            try report(
                BenchRecord(
                    name: "peak",
                    detail: "instructions, \(Parallel.threadCount) threads",
                    precision: kind.rawValue,
                    seconds: seconds,
                    runs: 1,
                    tokens: nil,
                    candidates: nil,
                    teraOperations: rate * seconds,
                    teraOperationsPerSecond: rate,
                    peakTeraOperationsPerSecond: rate,
                    peakByteCount: ProcessMemory.peakByteCount
                )
            )
        }
    }

    private func products(_ report: (BenchRecord) throws -> Void) throws {
        for layer in model.measuredLayers {
            for rows in isQuick ? [512] : [64, 128, 512, 810] {
                var generator = SeedTree(seed: 5)["product"].generator
                let x = Tensor(generator.normals(count: rows * layer.inputs), shape: [rows, layer.inputs])
                try report(
                    timer.measure(
                        "product",
                        "\(layer.name), \(rows)×\(layer.inputs)×\(layer.outputs)",
                        operations: 2 * Double(rows) * Double(layer.inputs) * Double(layer.outputs),
                        tokens: rows
                    ) { _ = layer(x) }
                )
            }
        }
    }

    private func vision(_ report: (BenchRecord) throws -> Void) throws {
        let images = [try picture(0)]
        try report(
            timer.measure(
                "vision",
                "one image of \(Self.side)×\(Self.side) pixels",
                operations: model.operations(encoding: images),
                tokens: images[0].patches.patchCount
            ) { _ = try model.encode(images) }
        )
    }

    private func prefill(_ report: (BenchRecord) throws -> Void) throws {
        let counts = [128, 512, 810] + (isQuick ? [] : [4_000])
        for count in counts where count <= model.information.contextLength {
            let tokens = (0..<count).map { $0 * 7 % model.tokenizer.tokenCount }
            try report(
                timer.measure(
                    "prefill",
                    "\(count) tokens",
                    operations: model.operations(prefilling: count),
                    tokens: count
                ) { _ = try model.prefill(tokens) }
            )
        }
    }

    private func groups(_ report: (BenchRecord) throws -> Void) throws {
        for count in isQuick ? [1, 4] : [1, 4, 12, 24] {
            try report(try group(of: count, isWarm: false))
            try report(try group(of: count, isWarm: true))
        }
    }

    /// A source image with some candidates that were never seen before; with warm caches, the source was.
    private func group(of count: Int, isWarm: Bool) throws -> BenchRecord {
        let source = try picture(0)
        func question(_ run: Int) throws -> PromptGroup {
            LanguageModelJudge.promptGroup(
                try (0..<count).map { try picture(1 + run * count + $0) },
                source: source,
                text: text,
                order: .published
            )
        }
        let cache = isWarm ? InferenceCache() : nil
        let operations = model.operations(of: try question(0), knowsTrunk: isWarm)
        let states = try model.answerStates(try question(0), cache: cache) { false }.states.branches
        return try timer.measure(
            isWarm ? "group, warm" : count == 1 ? "pair" : "group",
            "source and \(count) of \(Self.side)×\(Self.side) pixels",
            operations: operations.total,
            tokens: states.reduce(0) { $0 + $1.promptTokens },
            candidates: count,
            prepare: question
        ) { question in
            let states = try model.answerStates(question, cache: cache) { false }.states.branches
            for state in states {
                _ = model.logits(state, tokens: [0, 1])
            }
        }
    }

    /// Noise; every index gives another picture.
    private func picture(_ index: Int) throws -> PreparedImage {
        var generator = SeedTree(seed: 5)["bench", index].generator
        let pixels = (0..<3 * Self.side * Self.side).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return try model.prepare(PixelImage(width: Self.side, height: Self.side, pixels: pixels))
    }
}
