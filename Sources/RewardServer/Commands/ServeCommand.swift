import ArgumentParser
import Foundation
import Logging
import MLLMRuntime
import Shared

/// `reward-server serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Score edits over HTTP.",
        discussion: """
            Listens on the loopback interface, since there is no authentication yet; docs/WireFormat.md describes the \
            routes. SIGTERM lets work in flight finish; a second one ends the server at once.
            """
    )

    @OptionGroup var model: ModelOptions

    @OptionGroup var images: ImageOptions

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on; 0 takes a free one and prints it.")
    var port = 8000

    @Option(help: "Longest request body, in bytes.")
    var maxBody = ServerLimits().maximumBody

    @Option(help: "Most edits in one request.")
    var maxEdits = ServerLimits().maximumEdits

    @Option(help: "Most edits that may wait or be worked on; more get status 429.")
    var maxQueue = ServerLimits().maximumQueue

    @Option(help: "Tokens up to which waiting requests share a forward pass; 0 gives each its own.")
    var batchTokens = ServerLimits().rowsOfPass

    @Option(help: "Bytes of image features to keep for later requests, such as 256MiB; 0 keeps none.")
    var imageCache = ByteSize(count: InferenceCache.defaultFeatureBytes)

    @Option(help: "Bytes of keys and values of prompts' beginnings to keep, such as 512MiB; 0 keeps none.")
    var prefixCache = ByteSize(count: InferenceCache.defaultTrunkBytes)

    @Option(help: "Seconds in which a request's body must arrive.")
    var bodyTimeout = 60

    @Option(help: "Seconds that work in flight may take after SIGTERM.")
    var shutdownTimeout = 60

    @Option(help: "File to write {\"url\": …, \"pid\": …} to once the server is ready.")
    var readyFile: String?

    @Flag(help: "Allow an address that other machines can reach.")
    var insecure = false

    func validate() throws {
        let loopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        guard loopback || insecure else {
            throw ValidationError(
                "--host \(host) can be reached from other machines and there is no authentication; "
                    + "add --insecure if that is meant"
            )
        }
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be 0 to 65535") }
        let counts = [
            ("--max-body", maxBody), ("--max-edits", maxEdits), ("--max-queue", maxQueue),
            ("--body-timeout", bodyTimeout),
        ]
        for (name, count) in counts where count < 1 {
            throw ValidationError("\(name) must be at least 1")
        }
        guard maxQueue >= maxEdits else {
            throw ValidationError(
                "--max-queue \(maxQueue) must hold one whole request: --max-edits \(maxEdits)"
            )
        }
        guard batchTokens >= 0 else { throw ValidationError("--batch-tokens must not be negative") }
        guard shutdownTimeout >= 0 else { throw ValidationError("--shutdown-timeout must not be negative") }
    }

    func run() async throws {
        try await ExitStatus.reporting {
            LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
            let logger = Logger(label: "reward-server")
            ComputeThreads.configure(model.threads, logger: logger)
            var limits = ServerLimits()
            limits.maximumBody = maxBody
            limits.maximumBufferedBytes = max(limits.maximumBufferedBytes, maxBody)
            limits.maximumEdits = maxEdits
            limits.maximumQueue = maxQueue
            limits.rowsOfPass = batchTokens
            limits.bodyTimeout = .seconds(bodyTimeout)
            var loading = model.loading
            loading.imageCacheByteCount = imageCache.count
            loading.prefixCacheByteCount = prefixCache.count
            loading.imageLimits = images.limits
            let readyFile = readyFile
            try await Server(
                host: host,
                port: port,
                limits: limits,
                shutdownTimeout: .seconds(shutdownTimeout),
                logger: logger,
                load: { [loading] in try loading.load() },
                onReady: { url, model in
                    if let readyFile { try ReadyFile.write(url: url, to: readyFile) }
                    StandardStreams.print("reward-server ready on \(url) (model \(model.identity.name))")
                }
            ).run()
        }
    }
}

/// The file that tells a script where the server is.
private struct ReadyFile: Encodable {
    let url: String
    let pid: Int32

    static func write(url: String, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let contents = ReadyFile(url: url, pid: ProcessInfo.processInfo.processIdentifier)
        try AtomicFile.write(try encoder.encode(contents), to: path)
    }
}
