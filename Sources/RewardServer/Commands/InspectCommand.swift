import ArgumentParser
import Foundation
import Shared

/// `reward-server inspect`.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a model is, what it needs, and which token ids its rubrics use.",
        discussion: """
            Reads the headers of the weights only, except with --check-weights. The seconds are an estimate: the \
            model's arithmetic at the speed of a large float32 product, which is measured for 0.3 s.
            """
    )

    @OptionGroup var model: ModelOptions

    @Flag(help: "One JSON object.")
    var json = false

    func run() async throws {
        try await ExitStatus.reporting {
            ComputeThreads.configure(model.threads)
            let report = try ModelReport(model.loading)
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                StandardStreams.print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                report.lines.forEach(StandardStreams.print)
            }
        }
    }
}
