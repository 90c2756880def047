import ArgumentParser
import Foundation
import Shared

/// `reward-server pull`.
struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch a model from a hub.",
        discussion: """
            The model goes into the Hugging Face cache, where --model org/name and other programs find it, or with --to \
            into a folder; its path is printed on stdout. Fetched are the small files of a judge and *.safetensors, \
            never pickle files. Every file is checked against the hub's checksum. Run the command again after an \
            interruption: it goes on where it ended.

            Variables: HF_ENDPOINT (https://huggingface.co), HF_TOKEN or the file HF_TOKEN_PATH, HF_HUB_CACHE, HF_HOME, \
            HF_HUB_OFFLINE, and those of libcurl such as https_proxy.
            """
    )

    @Argument(help: "The model: org/name, or org/name@ with a branch, a tag or a commit.")
    var model: String

    @Option(help: "Folder for plain files instead of the cache.")
    var to: String?

    @Option(
        help: """
            Weight files to fetch instead of *.safetensors: a pattern such as '*Q4_K_M.gguf'; may be repeated, as for \
            'mmproj*'.
            """
    )
    var include: [String] = []

    func run() async throws {
        try await ExitStatus.reporting {
            let environment = HubEnvironment()
            let reference = try HubReference(model)
            guard !environment.isOffline else { throw HubError.offline(reference) }
            let progress = PullProgress(reference)
            let result = try HubDownloader(
                client: HubClient(endpoint: environment.endpoint(), token: environment.token()),
                destination: to.map { .folder($0) } ?? .cache(HubCache(folder: environment.cacheFolder)),
                selection: HubSelection(include: include),
                report: progress.take
            ).pull(reference)
            progress.end(result)
            StandardStreams.print(result.folder)
        }
    }
}
