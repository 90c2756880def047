import Foundation
import Imaging
import Shared

/// A picture of the candidates of an epoch: a group in each row, source first, with the judges' scores.
enum SampleSheet {
    /// How many groups are shown.
    static let groupCount = 6

    /// Writes `samples/epoch-000010.png`.
    ///
    /// - Parameters:
    ///   - report: The epoch.
    ///   - run: The run's folder.
    /// - Throws: What the file system throws.
    static func write(_ report: EpochReport, run: String) throws {
        let groups = report.pictures.map { group in
            PictureTable.Row(
                caption: group.request.instruction,
                cells: [PictureTable.Cell(picture: group.request.source, caption: "source")]
                    + zip(group.request.candidates, group.rewards).map {
                        PictureTable.Cell(picture: $0, caption: Text.decimal($1, 2))
                    }
            )
        }
        try PictureTable(rows: groups).write(
            to: "\(run)/samples/\(CheckpointStore.name(epoch: report.epoch)).png"
        )
    }
}
