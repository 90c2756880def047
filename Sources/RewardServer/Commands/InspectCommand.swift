import ArgumentParser
import Foundation
import Shared

/// `reward-server inspect`.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a model folder holds, and which token ids its rubrics use."
    )

    @Option(help: "Folder of a Qwen2.5-VL model; the embedded judge when left out.")
    var model: String?

    @Flag(help: "One JSON object.")
    var json = false

    func run() async throws {
        try await ExitStatus.reporting {
            let report = try ModelReport(folder: model ?? ModelLocation.embedded)
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
