import Foundation
import Imaging
import Shared

/// An evaluation on disk: what the judges said, and every picture without loss.
///
/// The pictures let the report grade them later; training itself knows no more than the judges' scores.
struct EvaluationRecord: Codable, Sendable, Hashable {
    /// How many epochs were done.
    let epoch: Int
    /// Rows of the test split, in order.
    let rows: [Int]
    /// The judge's score of each row; null where there is none.
    let rewards: [Double?]
    /// How many pictures stand side by side in the sheet.
    let columns: Int
    /// Side of a picture in pixels.
    let side: Int

    /// Mean of the scores there are; nil without any.
    var meanReward: Double? {
        let scores = rewards.compactMap { $0 }
        return scores.isEmpty ? nil : GroupStatistics(scores).mean
    }

    /// Writes an evaluation.
    ///
    /// - Parameters:
    ///   - results: The rows.
    ///   - epoch: How many epochs were done.
    ///   - run: The run's folder.
    /// - Returns: The record.
    /// - Throws: What the file system throws.
    static func write(_ results: [Evaluator.Result], epoch: Int, run: String) throws -> EvaluationRecord {
        let folder = "\(run)/evaluations"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let record = EvaluationRecord(
            epoch: epoch,
            rows: results.map(\.example.row),
            rewards: results.map(\.reward),
            columns: min(20, max(1, results.count)),
            side: results.first?.edited.width ?? 1
        )
        var sheet = Canvas(
            width: record.columns * record.side,
            height: (results.count + record.columns - 1) / record.columns * record.side
        )
        for (index, result) in results.enumerated() {
            sheet.draw(
                result.edited,
                x: index % record.columns * record.side,
                y: index / record.columns * record.side
            )
        }
        let name = "\(folder)/\(CheckpointStore.name(epoch: epoch))"
        try AtomicFile.write(Data(try PNGEncoder.encode(sheet.image)), to: "\(name).png")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try AtomicFile.write(try encoder.encode(record), to: "\(name).json")
        return record
    }

    /// Whether an evaluation was written.
    static func exists(epoch: Int, run: String) -> Bool {
        FileManager.default.fileExists(
            atPath: "\(run)/evaluations/\(CheckpointStore.name(epoch: epoch)).json"
        )
    }

    /// Deletes evaluations that a run which is continued from an earlier epoch will make again.
    ///
    /// - Parameters:
    ///   - epoch: Where the run continues; -1 deletes all.
    ///   - run: The run's folder.
    /// - Throws: What the file system throws.
    static func removeAll(after epoch: Int, run: String) throws {
        let folder = "\(run)/evaluations"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where epoch < 0 || name.prefix(while: { $0 != "." }) > CheckpointStore.name(epoch: epoch) {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    /// Reads all evaluations of a run.
    ///
    /// - Parameter run: The run's folder.
    /// - Returns: Records and pictures, one per row, oldest first.
    /// - Throws: What the file system, the JSON or the image decoder throws.
    static func readAll(run: String) throws -> [(record: EvaluationRecord, pictures: [PixelImage])] {
        let folder = "\(run)/evaluations"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return try names.filter { $0.hasSuffix(".json") }.sorted().map { name in
            let data = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
            let record = try JSONDecoder().decode(EvaluationRecord.self, from: data)
            let sheet = try ImageDecoder.decode(contentsOf: "\(folder)/\(name.dropLast(5)).png")
            let pictures = record.rows.indices.map {
                Canvas(sheet).cut(
                    x: $0 % record.columns * record.side,
                    y: $0 / record.columns * record.side,
                    width: record.side,
                    height: record.side
                )
            }
            return (record, pictures)
        }
    }
}
