import Imaging
import MLLMRuntime
import Shared

/// The cases of `bench`, from single products to whole groups.
struct BenchRun {
    /// A kind of cases.
    enum Part: String, CaseIterable {
        case peak, products, vision, prefill, groups
    }

    /// What is asked of every pair of pictures, and by which model.
    struct Judge {
        let model: LanguageVisionModel
        let text: String
        let order: RubricOrder
    }

    /// The decoder.
    let decoder: any MeasuredDecoder
    /// For vision tower and groups, which are left out without it.
    let judge: Judge?
    /// What to measure.
    let parts: Set<Part>
    /// Lengths of prefilled texts; those beyond the context are left out.
    let tokenCounts: [Int]
    /// Sizes of groups.
    let candidateCounts: [Int]
    /// Whether cases are repeated less, and products measured with fewer row counts.
    let isQuick: Bool

    /// Side of the images, in pixels.
    private static let side = 512

    private func timer(_ precision: Precision) -> BenchTimer {
        let peak = InstructionPeak(rawValue: precision.rawValue) ?? .float32
        return BenchTimer(
            peak: peak.isAvailable ? peak : .float32,
            precision: precision.rawValue,
            budget: isQuick ? .milliseconds(150) : .seconds(2)
        )
    }

    /// Measures all cases.
    ///
    /// - Parameter report: Receives every record once it is there.
    /// - Throws: What the runtime throws.
    func run(_ report: (BenchRecord) throws -> Void) throws {
        if parts.contains(.peak) { try peaks(report) }
        if parts.contains(.products) { try products(report) }
        if let judge, parts.contains(.vision) { try vision(judge.model, report) }
        if parts.contains(.prefill) { try prefill(report) }
        if let judge, parts.contains(.groups) { try groups(judge, report) }
    }

    private func peaks(_ report: (BenchRecord) throws -> Void) throws {
        for kind in InstructionPeak.allCases where kind.isAvailable {
            ProcessMemory.resetPeak()
            let duration = Duration.milliseconds(isQuick ? 100 : 500)
            let rate = kind.measure(for: duration)
            let seconds = duration / .seconds(1)
            try report(
                BenchRecord(
                    name: "peak",
                    detail: "instructions, \(Parallel.threadCount) threads",
                    precision: kind.rawValue,
                    tokens: nil,
                    candidates: nil,
                    newBufferCount: 0,
                    measured: Measured(
                        times: [seconds],
                        operations: rate * seconds,
                        peaks: [rate],
                        peakByteCount: ProcessMemory.peakByteCount
                    )
                )
            )
        }
    }

    private func products(_ report: (BenchRecord) throws -> Void) throws {
        for layer in decoder.measuredLayers {
            for rows in isQuick ? [512] : [64, 128, 512, 810] {
                var generator = SeedTree(seed: 5)["product"].generator
                let x = Tensor(generator.normals(count: rows * layer.inputs), shape: [rows, layer.inputs])
                try report(
                    timer(layer.precision).measure(
                        "product",
                        "\(layer.name), \(rows)×\(layer.inputs)×\(layer.outputs)",
                        operations: 2 * Double(rows) * Double(layer.inputs) * Double(layer.outputs),
                        tokens: rows
                    ) { _ = layer(x) }
                )
            }
        }
    }

    private func vision(_ model: LanguageVisionModel, _ report: (BenchRecord) throws -> Void) throws {
        let images = [try picture(0, for: model)]
        try report(
            timer(model.visionPrecision).measure(
                "vision",
                "one image of \(Self.side)×\(Self.side) pixels",
                operations: model.operations(encoding: images),
                tokens: images[0].patches.patchCount
            ) { _ = try model.encode(images) }
        )
    }

    private func prefill(_ report: (BenchRecord) throws -> Void) throws {
        for count in tokenCounts where count <= decoder.contextLength {
            let tokens = (0..<count).map { $0 * 7 % decoder.vocabularySize }
            try report(
                timer(decoder.linearPrecision).measure(
                    "prefill",
                    "\(count) tokens",
                    operations: decoder.operations(prefilling: count),
                    tokens: count
                ) { _ = try decoder.prefill(tokens) }
            )
        }
    }

    private func groups(_ judge: Judge, _ report: (BenchRecord) throws -> Void) throws {
        for count in candidateCounts {
            try report(try group(of: count, judge, isWarm: false))
            try report(try group(of: count, judge, isWarm: true))
        }
    }

    /// A source image with some candidates that were never seen before; with warm caches, the source was.
    private func group(of count: Int, _ judge: Judge, isWarm: Bool) throws -> BenchRecord {
        let model = judge.model
        let source = try picture(0, for: model)
        func question(_ run: Int) throws -> PromptGroup {
            LanguageModelJudge.promptGroup(
                try (0..<count).map { try picture(1 + run * count + $0, for: model) },
                source: source,
                text: judge.text,
                order: judge.order
            )
        }
        let cache = isWarm ? InferenceCache() : nil
        let operations = model.operations(of: try question(0), knowsTrunk: isWarm)
        let states = try model.answerStates(try question(0), cache: cache) { false }.states.branches
        return try timer(decoder.linearPrecision).measure(
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
    private func picture(_ index: Int, for model: LanguageVisionModel) throws -> PreparedImage {
        var generator = SeedTree(seed: 5)["bench", index].generator
        let pixels = (0..<3 * Self.side * Self.side).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return try model.prepare(PixelImage(width: Self.side, height: Self.side, pixels: pixels))
    }
}
