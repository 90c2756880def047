import Foundation
import Shared

/// A dataset in the folder layout of Edit-R1: one JSON object a line beside the images.
///
/// Every row is checked when the dataset is opened, so that a run never stops hours later at a bad line.
///
/// Source: PKU-YuanGroup/Edit-R1, README.md and the training scripts' dataset class; the columns `target` and
/// `operation` are ours and optional.
struct JSONLinesDataset: Sendable {
    /// The part of a dataset.
    enum Split: String, Sendable {
        case train, test
    }

    /// The folder.
    let folder: String
    /// The rows in the order of the file; a row's position is its ``EditExample/row``.
    let examples: [EditExample]
    /// SHA-256 over the metadata file, in hexadecimal digits.
    let hash: String

    private struct Row: Decodable {
        let prompt: String
        let image: String
        let requirement: String?
        let target: String?
        let operation: String?
    }

    /// Reads and checks one split.
    ///
    /// - Parameters:
    ///   - folder: The dataset's folder.
    ///   - split: Which metadata file to read.
    /// - Throws: ``DatasetError`` that names the file and, where there is one, the line.
    init(folder: String, split: Split) throws {
        self.folder = folder
        let file = "\(folder)/\(split.rawValue)_metadata.jsonl"
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: file))
        } catch {
            let reason = FileManager.default.fileExists(atPath: folder) ? "no such file" : "no such folder"
            throw DatasetError.unreadable(path: file, reason: reason)
        }
        hash = ContentHash(Array(bytes)).hexadecimal
        let root = URL(filePath: folder).resolvingSymlinksInPath().path
        let decoder = JSONDecoder()
        var examples: [EditExample] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            if line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { continue }
            let place = (file: file, line: index + 1)
            let row: Row
            do {
                row = try decoder.decode(Row.self, from: Data(line))
            } catch {
                throw DatasetError.invalidLine(
                    file: file,
                    line: index + 1,
                    reason: JSONLinesDataset.reason(error)
                )
            }
            guard !row.prompt.isEmpty else {
                throw DatasetError.invalidLine(file: file, line: index + 1, reason: "the prompt is empty")
            }
            examples.append(
                EditExample(
                    row: examples.count,
                    instruction: row.prompt,
                    requirement: row.requirement ?? "",
                    image: try JSONLinesDataset.path(of: row.image, root: root, place: place),
                    target: try row.target.map {
                        try JSONLinesDataset.path(of: $0, root: root, place: place)
                    },
                    operation: row.operation
                )
            )
        }
        guard !examples.isEmpty else { throw DatasetError.empty(file: file) }
        self.examples = examples
    }

    /// The file of an image, after checking that its path lies below the folder and leads to a file.
    ///
    /// Links are followed wherever they lead: who made the folder placed them, and the cache of a hub is made of them.
    private static func path(of image: String, root: String, place: (file: String, line: Int)) throws
        -> String
    {
        guard !image.hasPrefix("/"), !image.split(separator: "/").contains("..") else {
            throw DatasetError.outsideFolder(file: place.file, line: place.line, image: image)
        }
        let path = PathText.path(image, in: root)
        guard FileSize.of(path) != nil else {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            let words = target.map { "\(image) (a link to \($0), which leads to no file)" } ?? image
            throw DatasetError.missingImage(file: place.file, line: place.line, image: words)
        }
        return URL(filePath: path).resolvingSymlinksInPath().path
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _):
            "the key \"\(key.stringValue)\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "the value of \"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" is not a string"
        default:
            "this is not a JSON object"
        }
    }
}
