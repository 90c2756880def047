import ArgumentParser
import Foundation
import Shared

/// The program `policy-trainer`.
@main
struct PolicyTrainerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy-trainer",
        abstract: "Improve an image-editing policy by DiffusionNFT, with reward-server as the judge.",
        version: Version.current,
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, SampleCommand.self, DatasetCommand.self,
            ReportCommand.self, ExportCommand.self, InspectCommand.self, BenchCommand.self,
        ]
    )

    /// Parses the command line and runs it; whatever goes wrong is one line on stderr and exit code 1.
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
            if error is ExitCode || exitCode(for: error) == .success {
                exit(withError: error)
            }
            let line = message(for: error).map { $0.isNewline ? " " : $0 }
            let advice = exitCode(for: error) == .validationFailure ? "; see --help" : ""
            FileHandle.standardError.write(Data("policy-trainer: \(String(line))\(advice)\n".utf8))
            Foundation.exit(1)
        }
    }
}
