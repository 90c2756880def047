import Foundation
import Shared

/// The two programs as the build left them, beside the tests.
enum Programs {
    /// What a program did.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// A program that is running, with its error output in a file.
    final class Running: Sendable {
        let process: Lock<Process>
        let log: String
        let identifier: Int32

        init(_ process: Process, log: String) {
            identifier = process.processIdentifier
            self.process = Lock(process)
            self.log = log
        }

        var isRunning: Bool { process.withLock { $0.isRunning } }

        /// What it wrote to its error output so far.
        var errors: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

        /// Waits for the end, for at most a minute.
        func waitForStatus() async throws -> Int32 {
            for _ in 0..<1_200 where isRunning {
                try await Task.sleep(for: .milliseconds(50))
            }
            return process.withLock { $0.isRunning ? -1 : $0.terminationStatus }
        }

        deinit {
            kill(identifier, SIGKILL)
        }
    }

    static let trainer = path("policy-trainer")
    static let server = path("reward-server")

    /// Both programs stand in the folder of the test program.
    private static func path(_ name: String) -> String {
        let folder = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        return folder.appending(path: name).path
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String]) async throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.path + "/edit-r1-\(UUID().uuidString)"
        let running = try start(program, arguments, log: folder + ".err", output: folder + ".out")
        defer {
            try? FileManager.default.removeItem(atPath: folder + ".err")
            try? FileManager.default.removeItem(atPath: folder + ".out")
        }
        for _ in 0..<12_000 where running.isRunning {
            try await Task.sleep(for: .milliseconds(50))
        }
        return Outcome(
            status: try await running.waitForStatus(),
            output: (try? String(contentsOfFile: folder + ".out", encoding: .utf8)) ?? "",
            errors: running.errors
        )
    }

    /// Starts a program.
    static func start(_ program: String, _ arguments: [String], log: String, output: String? = nil) throws
        -> Running
    {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        for file in [log, output].compactMap({ $0 }) {
            try Data().write(to: URL(filePath: file))
        }
        process.standardError = try FileHandle(forWritingTo: URL(filePath: log))
        process.standardOutput =
            try output.map { try FileHandle(forWritingTo: URL(filePath: $0)) }
            ?? FileHandle.nullDevice
        try process.run()
        return Running(process, log: log)
    }
}
