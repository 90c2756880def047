import ArgumentParser

/// The program `policy-trainer`.
@main
struct PolicyTrainerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy-trainer",
        abstract: "Improve an image-editing policy by DiffusionNFT, with reward-server as the judge.",
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, SampleCommand.self, DatasetCommand.self,
            ReportCommand.self,
        ]
    )
}
