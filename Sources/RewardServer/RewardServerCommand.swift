import ArgumentParser
import Shared

/// `reward-server`: scores image edits with a multimodal language model.
@main
struct RewardServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reward-server",
        abstract: "Score image edits with a multimodal language model.",
        version: Version.current,
        subcommands: [
            ServeCommand.self, ScoreCommand.self, InspectCommand.self, SelfcheckCommand.self,
            EvalCommand.self, PullCommand.self, LogitsCommand.self, BenchCommand.self,
        ]
    )

    /// Parses the command line and runs it; whatever is wrong with it is one line on stderr and exit code 1.
    static func main() async {
        do {
            try InstructionLimit.check()
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            ExitStatus.end(with: error, of: Self.self)
        }
    }
}
