import Foundation
import Shared

/// Where a model's folder is: the one that the user names, or the one that the program brings along.
enum ModelLocation {
    /// The files in which a model folder may carry its own rubric, in the order in which they are looked for.
    private static let rubricNames = ["rubric.yaml", "rubric.yml", "rubric.json"]

    /// The folder of the judge that is part of the program; independent of the working directory.
    static var embedded: String {
        Bundle.module.bundleURL.appending(path: "EmbeddedJudge").path(percentEncoded: false)
    }

    /// Reads a model and its rubrics.
    ///
    /// - Parameter folder: A Hugging Face folder; `nil` takes ``embedded``.
    /// - Returns: The model.
    /// - Throws: What the runtime throws; ``RubricError``.
    static func load(_ folder: String?) throws -> ServedModel {
        let folder = folder ?? embedded
        return ServedModel(
            judge: try LanguageModelJudge(folder: folder),
            rubrics: try RubricLibrary(own: try ownRubric(of: folder))
        )
    }

    /// The rubric that a model's folder carries, if it carries one.
    ///
    /// - Parameter folder: The model's folder.
    /// - Returns: The rubric; `nil` when the folder has none.
    /// - Throws: ``RubricError`` for a file that is no sound rubric.
    static func ownRubric(of folder: String) throws(RubricError) -> Rubric? {
        let paths = rubricNames.map { (folder as NSString).appendingPathComponent($0) }
        guard let path = paths.first(where: FileManager.default.fileExists) else { return nil }
        return try RubricFile.load(path)
    }
}
