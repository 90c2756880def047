import ArgumentParser
import Foundation
import MLLMRuntime
import Shared

/// `reward-server bench`.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how near to the speed of this machine a model runs.",
        discussion: """
            Products of the model's own layers, vision tower, decoder, and groups of 512×512 pictures with cold and \
            warm caches. What the multiply-and-add instructions of this CPU reach is measured right before and after \
            each case; the share of it is what counts, since it hardly depends on the machine. Run it on an idle one.
            """
    )

    @OptionGroup var model: ModelOptions

    @Flag(help: "The decoder alone; a .gguf file then needs no vision tower.")
    var text = false

    @Option(
        name: .customLong("case"),
        help: "What to measure: peak, products, vision, prefill, groups; may be repeated; all when left out."
    )
    var parts: [BenchRun.Part] = []

    @Option(
        name: .customLong("tokens"),
        help: "Length of a prefilled text; may be repeated; 128, 512, 810 and 4000 when left out."
    )
    var tokenCounts: [Int] = []

    @Option(
        name: .customLong("candidates"),
        help: "Size of a group; may be repeated; 1, 4, 12 and 24 when left out."
    )
    var candidateCounts: [Int] = []

    @Flag(help: "Repeat cases less, and leave long ones out unless --tokens or --candidates ask for them.")
    var quick = false

    @Flag(help: "One JSON object a line for each case.")
    var json = false

    func validate() throws {
        guard tokenCounts.allSatisfy({ $0 >= 1 }) else {
            throw ValidationError("--tokens must be at least 1")
        }
        guard candidateCounts.allSatisfy({ $0 >= 1 }) else {
            throw ValidationError("--candidates must be at least 1")
        }
        guard !text || model.model?.lowercased().hasSuffix(".gguf") == true else {
            throw ValidationError("--text needs a .gguf file as --model")
        }
        guard !text || !parts.contains(where: { $0 == .vision || $0 == .groups }) else {
            throw ValidationError("with --text there is no vision tower, so neither vision nor groups")
        }
    }

    func run() async throws {
        try await ExitStatus.reporting {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let (decoder, judge) = try load()
            if !json { StandardStreams.print(BenchRecord.heading) }
            try BenchRun(
                decoder: decoder,
                judge: judge,
                parts: Set(parts.isEmpty ? BenchRun.Part.allCases : parts),
                tokenCounts: tokenCounts.isEmpty ? [128, 512, 810] + (quick ? [] : [4_000]) : tokenCounts,
                candidateCounts: candidateCounts.isEmpty
                    ? [1, 4] + (quick ? [] : [12, 24]) : candidateCounts,
                isQuick: quick
            ).run { record in
                StandardStreams.print(
                    json ? String(decoding: try encoder.encode(record), as: UTF8.self) : record.line
                )
            }
        }
    }

    private func load() throws -> (any MeasuredDecoder, BenchRun.Judge?) {
        if text, let path = model.model {
            ComputeThreads.configure(model.threads)
            return (try TextModel(gguf: path, precision: model.precision), nil)
        }
        let served = try model.load()
        guard let judge = served.scorer.judge as? LanguageModelJudge else {
            preconditionFailure("a model was loaded as \(type(of: served.scorer.judge))")
        }
        let rubric = served.rubrics.standard
        let question = rubric.template.filled(
            instruction: "Make the sky red and leave everything else as it is.",
            requirement: "The sky is red; houses, trees and people have not changed."
        )
        return (judge.model, BenchRun.Judge(model: judge.model, text: question, order: rubric.order))
    }
}

extension BenchRun.Part: ExpressibleByArgument {}
