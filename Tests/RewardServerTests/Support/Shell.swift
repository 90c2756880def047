import Foundation

/// The program, as a user starts it.
enum Shell {
    /// What a run left behind.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        var outputLines: [String] { output.split(separator: "\n").map(String.init) }
        var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
    }

    struct NoProgram: Error {}

    /// The built program: it stands beside the bundle of the tests.
    static func program() throws -> URL {
        var folders = [URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()]
        folders.append(Bundle.module.bundleURL.deletingLastPathComponent())
        for folder in folders {
            for name in ["reward-server", "RewardServer"] {
                let url = folder.appending(path: name)
                if FileManager.default.isExecutableFile(atPath: url.path) { return url }
            }
        }
        throw NoProgram()
    }

    /// Runs the program to its end; `environment` is added to that of the tests, `input` is the file that it reads as
    /// standard input.
    static func run(
        _ arguments: [String],
        in folder: String = "/",
        environment: [String: String] = [:],
        input: String = "/dev/null"
    ) async throws -> Outcome {
        let process = Process()
        process.executableURL = try program()
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: folder)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        async let text = read(output)
        async let problems = read(errors)
        let (written, complained) = await (text, problems)
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: written, errors: complained)
    }

    private static func read(_ pipe: Pipe) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let data = pipe.fileHandleForReading.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
        }
    }
}
