import Foundation
import Shared
import Yams

/// Rubrics in files: JSON when the name ends in `.json`, YAML otherwise; the object is the same.
enum RubricFile {
    /// Longest file, in bytes.
    private static let maximumBytes = 1 << 20

    /// Reads and checks a file.
    ///
    /// - Parameter path: The file; without a `name` of its own the rubric is called as the file is.
    /// - Returns: The rubric.
    /// - Throws: ``RubricError``.
    static func load(_ path: String) throws(RubricError) -> Rubric {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw .unreadable(path: path, reason: "no such file, or not readable")
        }
        guard data.count <= maximumBytes else {
            throw .unreadable(path: path, reason: "\(data.count) bytes are over the limit of \(maximumBytes)")
        }
        let document: RubricDocument
        do {
            document =
                if path.lowercased().hasSuffix(".json") {
                    try JSONDecoder().decode(RubricDocument.self, from: data)
                } else {
                    try YAMLDecoder().decode(RubricDocument.self, from: data)
                }
        } catch {
            throw .malformed(rubric: path, reason: DecodingReason(error).text)
        }
        let name = PathText.name(of: PathText.withoutExtension(path))
        return try Rubric(document, name: name)
    }
}
