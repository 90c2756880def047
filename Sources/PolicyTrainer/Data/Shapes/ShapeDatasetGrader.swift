import Foundation
import Imaging

/// Adds oracle scores to rows whose candidates were drawn elsewhere, such as rollouts made in Python.
enum ShapeDatasetGrader {
    /// Grades every row of a folder that has a strip of candidates, and rewrites the metadata files.
    ///
    /// - Parameter folder: A folder in the layout of ``ShapeDatasetWriter``.
    /// - Returns: How many candidates were graded.
    /// - Throws: ``ShapeDatasetError``; what the file system and the image decoder throw.
    static func grade(_ folder: URL) throws -> Int {
        let files = ShapeDatasetWriter.Split.allCases
            .map { folder.appending(path: $0.metadataName) }
            .filter { FileManager.default.fileExists(atPath: $0.path) }
        guard !files.isEmpty else {
            throw ShapeDatasetError.noMetadata(folder: folder.path)
        }
        return try files.reduce(0) { try $0 + grade(file: $1, in: folder) }
    }

    private static func grade(file: URL, in folder: URL) throws -> Int {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let decoder = JSONDecoder()
        var lines = Data()
        var graded = 0
        let text = try Data(contentsOf: file)
        for (index, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
            var row: ShapeDatasetRow
            do {
                row = try decoder.decode(ShapeDatasetRow.self, from: line)
            } catch {
                throw ShapeDatasetError.invalidRow(
                    file: file.lastPathComponent,
                    line: index + 1,
                    reason: "not a row of the ShapeEdit world (\(error))"
                )
            }
            if let candidates = row.candidates {
                let scores = try scores(of: candidates, row: row, folder: folder)
                row.candidateScores = scores
                graded += scores.count
            }
            lines.append(try encoder.encode(row))
            lines.append(UInt8(ascii: "\n"))
        }
        try lines.write(to: file, options: .atomic)
        return graded
    }

    private static func scores(of path: String, row: ShapeDatasetRow, folder: URL) throws -> [Double] {
        let source = try image(row.image, in: folder)
        let target = try image(row.target, in: folder)
        let strip = try image(path, in: folder)
        guard let candidates = ShapeStrip.split(strip, width: target.width, height: target.height) else {
            throw ShapeDatasetError.invalidStrip(file: path, width: strip.width, height: strip.height)
        }
        let oracle = try ShapeOracle(source: source, target: target)
        return try candidates.map { try oracle.grade($0).score }
    }

    private static func image(_ path: String, in folder: URL) throws -> PixelImage {
        let file = folder.appending(path: path)
        return try ImageDecoder.decode([UInt8](Data(contentsOf: file)), name: path)
    }
}
