import Foundation
import Imaging
import Shared

/// A picture of the first rows of an evaluation: source and edit with the judge's score.
enum EvaluationSheet {
    /// Writes `samples/evaluation-epoch-000010.png`; nothing without rows.
    ///
    /// - Parameters:
    ///   - results: The rows to show.
    ///   - epoch: How many epochs were done.
    ///   - run: The run's folder.
    /// - Throws: What the file system throws.
    static func write(_ results: [Evaluator.Result], epoch: Int, run: String) throws {
        guard !results.isEmpty else { return }
        try table(of: results).write(
            to: "\(run)/samples/evaluation-\(CheckpointStore.name(epoch: epoch)).png"
        )
    }

    /// Source and edit of some rows with the judge's scores.
    static func table(of results: [Evaluator.Result]) -> PictureTable {
        PictureTable(
            rows: results.map { result in
                let caption = result.reward.map { "judge \(Text.decimal($0, 2))" } ?? "no score"
                return PictureTable.Row(
                    caption: result.example.instruction,
                    cells: [
                        PictureTable.Cell(picture: result.source, caption: "source"),
                        PictureTable.Cell(picture: result.edited, caption: caption),
                    ]
                )
            }
        )
    }
}
