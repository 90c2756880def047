import ArgumentParser
import Foundation
import Shared

/// `reward-server score`.
struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Score edited images of one source image.",
        discussion: """
            Prints a table, or with --json one object a line under the field names of the HTTP API. Exits with 0 when \
            every image was scored, 2 when some were not, 1 otherwise.
            """
    )

    @Option(help: "The image before the edit (PNG, JPEG or WebP); \"-\" reads it from standard input.")
    var source: String

    @Option(help: "What the edit was asked to do.")
    var instruction: String

    @Option(help: "What a good result must fulfil.")
    var requirement = ""

    @Option(help: "Name of a rubric, or a file (.yaml, .yml, .json); the model's own when left out.")
    var rubric: String?

    @OptionGroup var model: ModelOptions

    @OptionGroup var images: ImageOptions

    @Option(help: "Address of a running reward-server, such as http://127.0.0.1:8000.")
    var url: String?

    @Flag(help: "One JSON object a line.")
    var json = false

    @Argument(help: "The images after the edit (PNG, JPEG or WebP); \"-\" reads it from standard input.")
    var edited: [String]

    func validate() throws {
        try ShellQuestion.requireOneInput([source] + edited)
        try model.refuse(url: url)
        try images.refuse(url: url)
    }

    func run() async throws {
        try await ExitStatus.reporting {
            let question = ShellQuestion(
                source: source,
                instruction: instruction,
                requirement: requirement,
                rubric: rubric,
                edited: edited,
                limits: images.limits
            )
            let answer: ShellAnswer
            if let url {
                answer = try RemoteScoring(url: url).answer(to: question)
            } else {
                answer = try LocalScoring(model: model.load(images: images.limits)).answer(to: question)
            }
            for line in json ? try answer.jsonLines() : ScoreTable(answer).lines {
                StandardStreams.print(line)
            }
            if answer.rows.contains(where: { $0.outcome.failure != nil }) { throw ExitStatus.someFailed }
        }
    }
}
