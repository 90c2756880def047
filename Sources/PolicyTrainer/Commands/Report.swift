import ArgumentParser

/// Shows what a run did.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write pictures before and after a run, its curves, and a table of judge and oracle.",
        discussion: """
            Reads the run's metrics and the pictures of its evaluations; neither a policy nor a server is needed. \
            The oracle grades the stored pictures here, afterwards: the run never saw its grades.
            """
    )

    @Option(name: .customLong("run"), help: "Run folder of 'train'.")
    var runFolder: String

    @Option(help: "The dataset that the run was trained on.")
    var dataset: String

    @Argument(help: "Folder for before-after.png, curves.svg and summary.json.")
    var output: String

    func run() throws {
        let report = try RunReport(run: runFolder, dataset: dataset)
        try report.write(to: output)
        print(report.table)
    }
}
