import ArgumentParser
import Foundation

/// Makes and grades datasets.
struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset",
        abstract: "Make datasets of the ShapeEdit world, or grade pictures made for one.",
        subcommands: [ShapesCommand.self, GradeCommand.self]
    )

    /// Writes a generated dataset.
    struct ShapesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "shapes",
            abstract: "Write a dataset of generated scenes, instructions and targets.",
            discussion: """
                The folder has the Edit-R1 layout (images, train_metadata.jsonl, test_metadata.jsonl) and for each \
                row the target image and both scene graphs. The same options and seed give the same bytes. Some \
                combinations of operation, colour and shape come up in test rows only.
                """
        )

        @Option(help: "How many training rows.")
        var count: Int

        @Option(help: "How many test rows.")
        var testCount = 0

        @Option(help: "Seed of everything drawn.")
        var seed: UInt64 = 0

        @Option(help: "Graded candidate pictures for each row, as material for a judge.")
        var candidates = 0

        @Option(
            parsing: .upToNextOption,
            help: "Operations taken in turn: recolor, remove, add, replace, background."
        )
        var operations: [ShapeOperation] = ShapeOperation.allCases

        @Argument(help: "Folder to write.")
        var output: String

        func run() throws {
            let options = ShapeDatasetOptions(
                count: count,
                testCount: testCount,
                seed: seed,
                candidates: candidates,
                operations: operations
            )
            try ShapeDatasetWriter.write(options, to: URL(filePath: output))
            print("\(count) training rows and \(testCount) test rows in \(output)")
        }
    }

    /// Adds oracle scores to pictures made elsewhere.
    struct GradeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "grade",
            abstract: "Add the oracle's scores to rows that have a strip of candidates.",
            discussion: """
                A row names its strip under 'candidates': pictures of the target's size side by side. The scores \
                are written back to the row as 'candidate_scores', 0 to 1, left to right.
                """
        )

        @Argument(help: "Folder in the layout of 'dataset shapes'.")
        var folder: String

        func run() throws {
            let graded = try ShapeDatasetGrader.grade(URL(filePath: folder))
            print("\(graded) candidates graded in \(folder)")
        }
    }
}

extension ShapeOperation: ExpressibleByArgument {}
