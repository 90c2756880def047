import Foundation
import Shared

/// The cases of `policy-trainer bench`: blocks of true widths, a whole training item of FLUX, a step of the embedded policy.
struct PolicyBench {
    /// The cases by name.
    static let names = [
        BlockBench.Kind.fluxDouble.rawValue, BlockBench.Kind.fluxSingle.rawValue,
        BlockBench.Kind.qwen.rawValue,
        "tiny-step", "flux-item",
    ]

    /// How blocks and the whole item keep their frozen weights.
    let format: BaseWeightFormat
    /// Arithmetic of products with them.
    let precision: TrainingPrecision
    /// Names of the cases to run.
    let cases: [String]
    /// Tokens of a block's sample.
    let tokenCounts: [Int]
    /// How long a case is repeated.
    let budget: Duration

    /// Measures the cases.
    ///
    /// - Parameter report: Receives every record once it is there.
    /// - Throws: ``PolicyError`` for arithmetic that this machine does not have; `WeightError` without memory for weights.
    func run(_ report: (PolicyBenchRecord) throws -> Void) throws {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        for name in cases {
            if let kind = BlockBench.Kind(rawValue: name) {
                Parallel.configure(threads: threads, threadsOfProduct: threads)
                Tensor.staysWithinPeak = true
                for tokens in tokenCounts {
                    let bench = try BlockBench(kind, tokens: tokens, weights: weights, format: stored)
                    try report(
                        try measure(name, "forward", tokens, bench.forwardOperations) { bench.forward() }
                    )
                    try report(
                        try measure(name, "forward and backward", tokens, bench.trainingOperations) {
                            bench.train()
                        }
                    )
                }
            } else if name == "tiny-step" {
                Parallel.configure(threads: threads, threadsOfProduct: 1)
                Tensor.staysWithinPeak = false
                let bench = try StepBench()
                try report(
                    try measure(
                        name,
                        "three predictions",
                        nil,
                        bench.operations,
                        items: StepBench.itemCount,
                        isTiny: true
                    ) { bench.run() }
                )
            } else {
                Parallel.configure(threads: threads, threadsOfProduct: threads)
                Tensor.staysWithinPeak = true
                let bench = try ItemBench(weights: weights, format: stored)
                try report(
                    try measure(
                        name,
                        "a training item",
                        ItemBench.tokenCount,
                        bench.operations,
                        items: 1,
                        warmsUp: false
                    ) { bench.run() }
                )
            }
        }
    }

    private var weights: BaseWeightOptions {
        BaseWeightOptions(format: format == .float32 ? .float32 : .stored, precision: precision)
    }

    /// How random weights are stored, so that nothing has to be brought into the format.
    private var stored: WeightFormat { format.packed ?? .float32 }

    /// Times a case: one run to warm up unless it takes too long, then runs until the budget is used up.
    private func measure(
        _ name: String,
        _ work: String,
        _ tokens: Int?,
        _ operations: Double,
        items: Int? = nil,
        isTiny: Bool = false,
        warmsUp: Bool = true,
        _ body: () -> Void
    ) throws -> PolicyBenchRecord {
        let peak: InstructionPeak = isTiny || precision == .float32 ? .float32 : .bfloat16
        ProcessMemory.resetPeak()
        if warmsUp { body() }
        let before = peak.measure()
        var times: [Double] = []
        let start = ContinuousClock.now
        repeat {
            let begun = ContinuousClock.now
            body()
            times.append((ContinuousClock.now - begun) / .seconds(1))
        } while ContinuousClock.now - start < budget
        return PolicyBenchRecord(
            name: name,
            work: work,
            tokens: tokens,
            items: items,
            baseWeights: isTiny ? BaseWeightFormat.float32.rawValue : format.rawValue,
            precision: isTiny ? TrainingPrecision.float32.rawValue : precision.rawValue,
            measured: Measured(
                times: times,
                operations: operations,
                peaks: [before, peak.measure()],
                peakByteCount: ProcessMemory.peakByteCount
            )
        )
    }
}
