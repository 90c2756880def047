import ArgumentParser
import Foundation

/// `policy-trainer bench`.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how near to the speed of this machine training runs.",
        discussion: """
            Blocks of FLUX.1-Kontext and Qwen-Image-Edit in their true width with random weights, forward and with the \
            gradients of a LoRA; a step of the embedded policy; with --only flux-item a whole training item of FLUX \
            (12 billion weights) at 128×128 pixels. What the multiply-and-add instructions of this CPU reach is \
            measured right before and after each case; the share of it is what counts. Run it on an idle machine.
            """
    )

    @Option(help: "Cases, separated by commas: \(PolicyBench.names.joined(separator: ", ")).")
    var only = PolicyBench.names.dropLast().joined(separator: ",")

    @Option(help: "How frozen weights are kept: f32, bf16, q8_0 or q4_0.")
    var baseWeights = BaseWeightFormat.float32

    @Option(help: "Arithmetic of products with frozen weights: f32 or bf16.")
    var precision = TrainingPrecision.float32

    @Option(help: "Tokens of a block's sample, separated by commas.")
    var tokens = "2176,2304"

    @Option(help: "Seconds that a case is repeated for, at least one run.")
    var seconds = 5.0

    @Flag(help: "One JSON object a line for each case.")
    var json = false

    func validate() throws {
        if let name = cases.first(where: { !PolicyBench.names.contains($0) }) {
            throw ValidationError(
                "there is no case \(name), only \(PolicyBench.names.joined(separator: ", "))"
            )
        }
        guard ![.auto, .stored].contains(baseWeights) else {
            throw ValidationError("--base-weights \(baseWeights.rawValue) says nothing about random weights")
        }
        guard !tokenCounts.isEmpty, tokenCounts.allSatisfy({ (129...65_536).contains($0) }) else {
            throw ValidationError("--tokens must be numbers of 129 to 65536")
        }
        guard seconds >= 0, seconds.isFinite else { throw ValidationError("--seconds must not be negative") }
    }

    private var cases: [String] { only.split(separator: ",").map(String.init) }

    private var tokenCounts: [Int] {
        let parts = tokens.split(separator: ",")
        let counts = parts.compactMap { Int($0) }
        return counts.count == parts.count ? counts : []
    }

    func run() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !json { FileHandle.standardOutput.write(Data((PolicyBenchRecord.heading + "\n").utf8)) }
        try PolicyBench(
            format: baseWeights,
            precision: precision,
            cases: cases,
            tokenCounts: tokenCounts,
            budget: .seconds(seconds)
        ).run { record in
            let line = json ? String(decoding: try encoder.encode(record), as: UTF8.self) : record.line
            // Lines appear at once in a pipe, too.
            FileHandle.standardOutput.write(Data((line + "\n").utf8))
        }
    }
}
