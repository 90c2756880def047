import Foundation
import Imaging
import Shared

/// Writes folders of the ShapeEdit world in the layout of Edit-R1.
///
/// `images/` (sources), `targets/`, `train_metadata.jsonl`, `test_metadata.jsonl`, and `candidates/` when asked
/// for. Row `n` of a split depends on the seed, the split and `n` alone.
enum ShapeDatasetWriter {
    /// The split of a row.
    enum Split: String, Sendable, CaseIterable {
        case train, test

        /// The file that lists the split's rows.
        var metadataName: String { "\(rawValue)_metadata.jsonl" }
    }

    /// The edit of one row.
    ///
    /// - Parameters:
    ///   - index: The row's number within its split.
    ///   - split: The split; only `test` has held-out combinations.
    ///   - options: Seed and operations.
    /// - Returns: The edit, the same for the same arguments.
    static func task(index: Int, split: Split, options: ShapeDatasetOptions) -> ShapeEditTask {
        var generator = SeedTree(seed: options.seed)["shapes", split.rawValue, index].generator
        let operation = options.operations[index % options.operations.count]
        return ShapeEditTask(operation: operation, allowsHeldOut: split == .test, generator: &generator)
    }

    /// The candidates of one row.
    ///
    /// - Parameters:
    ///   - task: The row's edit.
    ///   - index: The row's number within its split.
    ///   - split: The split.
    ///   - options: Seed and number of candidates.
    /// - Returns: The candidates with their oracle scores.
    /// - Throws: ``ShapeDatasetError`` when an image has an unexpected size.
    static func candidates(
        of task: ShapeEditTask,
        index: Int,
        split: Split,
        options: ShapeDatasetOptions
    ) throws -> [(image: PixelImage, score: Double)] {
        let oracle = try ShapeOracle(
            source: ShapeRenderer.image(of: task.scene),
            target: ShapeRenderer.image(of: task.editedScene)
        )
        let candidates = ShapeCandidates(task: task)
        let seeds = SeedTree(seed: options.seed)["candidates", split.rawValue, index]
        return try (0..<options.candidates).map { number in
            var generator = seeds[number].generator
            let image = candidates.next(generator: &generator)
            return (image, try oracle.grade(image).score)
        }
    }

    /// Writes a dataset.
    ///
    /// - Parameters:
    ///   - options: What to write.
    ///   - folder: Where to; made when missing. Files of the same names are replaced.
    /// - Throws: ``ShapeDatasetError`` for bad options; what the file system throws.
    static func write(_ options: ShapeDatasetOptions, to folder: URL) throws {
        try options.validate()
        for name in ["images", "targets"] + (options.candidates > 0 ? ["candidates"] : []) {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name),
                withIntermediateDirectories: true
            )
        }
        try write(split: .train, count: options.count, firstNumber: 0, options: options, to: folder)
        try write(
            split: .test,
            count: options.testCount,
            firstNumber: options.count,
            options: options,
            to: folder
        )
    }

    private static func write(
        split: Split,
        count: Int,
        firstNumber: Int,
        options: ShapeDatasetOptions,
        to folder: URL
    ) throws {
        var lines = Data()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for index in 0..<count {
            let task = task(index: index, split: split, options: options)
            let digits = String(firstNumber + index)
            let name = String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".png"
            var row = ShapeDatasetRow(
                prompt: task.instruction,
                image: "images/\(name)",
                requirement: "",
                target: "targets/\(name)",
                operation: task.operation,
                scene: task.scene,
                editedScene: task.editedScene,
                heldOutCombination: task.isHeldOut
            )
            try write(ShapeRenderer.image(of: task.scene), to: folder.appending(path: row.image))
            try write(ShapeRenderer.image(of: task.editedScene), to: folder.appending(path: row.target))
            if options.candidates > 0 {
                let candidates = try candidates(of: task, index: index, split: split, options: options)
                let path = "candidates/\(name)"
                try write(ShapeStrip.joined(candidates.map(\.image)), to: folder.appending(path: path))
                row.candidates = path
                row.candidateScores = candidates.map(\.score)
            }
            lines.append(try encoder.encode(row))
            lines.append(UInt8(ascii: "\n"))
        }
        try lines.write(to: folder.appending(path: split.metadataName), options: .atomic)
    }

    private static func write(_ image: PixelImage, to file: URL) throws {
        try Data(PNGEncoder.encode(image)).write(to: file)
    }
}
