import ArgumentParser
import Foundation
import Shared

/// From an error to one line on stderr and an exit code: the only place that knows both.
enum ExitStatus {
    /// Something was not scored.
    static let someFailed = ExitCode(2)
    /// What was asked for is not the case; the reason is on stdout.
    static let failed = ExitCode(1)

    /// Runs a command's body; an error becomes one line on stderr and exit code 1.
    ///
    /// - Parameter body: The command.
    /// - Throws: An `ExitCode`, or nothing else.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as ExitCode {
            throw error
        } catch {
            StandardStreams.printError("reward-server: \(oneLine("\(ModelLocation.explained(error))"))")
            throw ExitCode(1)
        }
    }

    /// Ends the process: help and version on stdout, a wrong command line as one line on stderr.
    ///
    /// - Parameters:
    ///   - error: What parsing or running threw.
    ///   - command: The root command.
    static func end(with error: any Error, of command: any ParsableCommand.Type) -> Never {
        if error is ExitCode || command.exitCode(for: error) == .success {
            command.exit(withError: error)
        }
        let advice = error is InstructionLimitError ? "" : "; see --help"
        StandardStreams.printError("reward-server: \(oneLine(command.message(for: error)))\(advice)")
        exit(1)
    }

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }
}

/// Whole lines on the standard streams, written at once.
enum StandardStreams {
    /// Writes a line on stdout.
    static func print(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }

    /// Writes a line on stderr.
    static func printError(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
