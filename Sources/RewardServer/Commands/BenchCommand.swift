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

    @Flag(help: "Leave long cases out and repeat the others less.")
    var quick = false

    @Flag(help: "One JSON object a line for each case.")
    var json = false

    func run() async throws {
        try await ExitStatus.reporting {
            let served = try model.load()
            guard let judge = served.scorer.judge as? LanguageModelJudge else {
                preconditionFailure("a model was loaded as \(type(of: served.scorer.judge))")
            }
            let text = served.rubrics.standard.template.filled(
                instruction: "Make the sky red and leave everything else as it is.",
                requirement: "The sky is red; houses, trees and people have not changed."
            )
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            if !json { StandardStreams.print(BenchRecord.heading) }
            try BenchRun(model: judge.model, text: text, isQuick: quick, peak: .float32).run { record in
                StandardStreams.print(
                    json ? String(decoding: try encoder.encode(record), as: UTF8.self) : record.line
                )
            }
        }
    }
}
