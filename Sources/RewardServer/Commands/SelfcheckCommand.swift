import ArgumentParser
import Foundation
import Shared

/// `reward-server selfcheck`.
struct SelfcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selfcheck",
        abstract: "Find out whether a judge can tell right edits from wrong ones.",
        discussion: """
            Draws simple scenes whose right edit is known, and compares its score with those of the unchanged picture, \
            a black picture, another edit, another instruction, swapped pictures and the right edit under noise. Exits \
            with 0 when all of them score lower, clearly and on average, and the same question gives the same bits; \
            1 otherwise.
            """
    )

    @OptionGroup var model: ModelOptions

    @Option(help: "Name of a rubric, or a file (.yaml, .yml, .json); the model's own when left out.")
    var rubric: String?

    @Option(help: "How many scenes to ask about; ten questions each.")
    var scenes = 12

    @Option(help: "Width and height of the pictures, a multiple of 48.")
    var side = 384

    @Flag(help: "One JSON object.")
    var json = false

    func validate() throws {
        guard (6...1000).contains(scenes) else { throw ValidationError("--scenes must be 6 to 1000") }
        guard side % 48 == 0, (48...1536).contains(side) else {
            throw ValidationError("--side must be a multiple of 48, 48 to 1536")
        }
    }

    func run() async throws {
        try await ExitStatus.reporting {
            let served = try model.load()
            let selfcheck = Selfcheck(
                model: served,
                rubric: try served.rubrics.rubric(ShellQuestion.rubricReference(rubric)),
                sceneCount: scenes,
                picture: SelfcheckPicture(side: side)
            )
            let report = try selfcheck.run()
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                StandardStreams.print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                report.lines.forEach(StandardStreams.print)
            }
            if !report.passes { throw ExitStatus.failed }
        }
    }
}
