import ArgumentParser
import Foundation
import Imaging
import Shared

/// What a user asks in the shell: files, texts, a rubric's name or file.
struct ShellQuestion {
    /// Path of the image before the edit.
    var source: String
    /// What the edit was asked to do.
    var instruction: String
    /// What a good result must fulfil.
    var requirement: String
    /// A rubric's name or file; `nil` takes the model's own.
    var rubric: String?
    /// Paths of the candidates.
    var edited: [String]
    /// What the files may ask for.
    var limits = DecodeLimits.standard

    /// The source image's bytes.
    ///
    /// - Throws: ``RequestError/sourceImage(_:)``.
    func sourceFile() throws -> ScoreGroup.ImageFile {
        try Self.file(source, limits: limits).mapError { RequestError.sourceImage($0) }.get()
    }

    /// The candidates' bytes, or why there are none.
    func candidates() -> [ScoreGroup.Candidate] {
        edited.enumerated().map { ScoreGroup.Candidate(id: String($0), file: Self.file($1, limits: limits)) }
    }

    /// The rubric as a request names it: a file is brought along whole.
    ///
    /// - Throws: ``RubricError``.
    func rubricReference() throws(RubricError) -> RubricReference? {
        try Self.rubricReference(rubric)
    }

    /// A rubric's name or file as a request names it.
    ///
    /// - Parameter rubric: A name, or a path; `nil` takes the model's own.
    /// - Returns: The reference; a file is read and brought along whole.
    /// - Throws: ``RubricError``.
    static func rubricReference(_ rubric: String?) throws(RubricError) -> RubricReference? {
        guard let rubric else { return nil }
        let isFile =
            rubric.contains("/") || [".yaml", ".yml", ".json"].contains { rubric.lowercased().hasSuffix($0) }
        return isFile ? .inline(try RubricFile.load(rubric).document) : .named(rubric)
    }

    /// An image file's bytes, or why there are none.
    ///
    /// - Parameters:
    ///   - path: The file, or "-" for standard input.
    ///   - limits: Says how long it may be.
    /// - Returns: The file.
    static func file(_ path: String, limits: DecodeLimits) -> Result<ScoreGroup.ImageFile, ScoreFailure> {
        do {
            let name = path == PictureFile.standardInput ? "standard input" : path
            return .success(
                ScoreGroup.ImageFile(name: name, bytes: try PictureFile.read(path, limits: limits))
            )
        } catch {
            return .failure(ScoreFailure(error))
        }
    }

    /// Refuses standard input for more than one picture: there is one stream, and it is read once.
    ///
    /// - Parameter paths: All pictures of a command.
    /// - Throws: `ValidationError`.
    static func requireOneInput(_ paths: [String]) throws {
        guard paths.count(where: { $0 == PictureFile.standardInput }) < 2 else {
            throw ValidationError("\"-\" stands for standard input, which holds one picture; give it once")
        }
    }
}

/// What the shell prints: one outcome for each path.
struct ShellAnswer: Equatable {
    /// The model that judged.
    var model: String
    /// The rubric that was used.
    var rubric: String
    /// One row for each candidate, in order.
    var rows: [Row]

    /// One candidate.
    struct Row: Encodable, Equatable {
        /// Its path.
        var image: String
        /// Its score or failure.
        var outcome: ScoreOutcome

        /// Writes `image` beside the outcome's fields.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(image, forKey: .image)
            try outcome.encode(to: encoder)
        }

        private enum CodingKeys: String, CodingKey {
            case image
        }
    }

    /// One JSON object for each row, keys sorted.
    func jsonLines() throws -> [String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try rows.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
    }
}
