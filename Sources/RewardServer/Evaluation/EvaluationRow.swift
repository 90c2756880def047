import Foundation
import Shared

/// One labelled row: an edit with a rating, or two edits of one image with a preference.
struct EvaluationRow: Sendable, Equatable {
    /// What people or an oracle said.
    enum Label: Sendable, Equatable {
        /// The rating of one edit, on any scale.
        case rating(Double)
        /// Which of two edits is better: 1 the first, −1 the second, 0 neither.
        case preference(Int)
        /// The ratings of two edits, on any scale.
        case ratings(Double, Double)
    }

    /// Where the row stands in its file, from 1.
    var line: Int
    /// Path of the image before the edit.
    var source: String
    /// Path of the edit, or of both edits.
    var edited: [String]
    /// What the edit was asked to do.
    var prompt: String
    /// What a good result must fulfil; may be empty.
    var requirement: String
    /// What people or an oracle said.
    var label: Label
    /// What kind of edit it is; `nil` when the row does not say.
    var category: String?

    /// Reads a file of rows: one JSON object a line, paths relative to the file's folder.
    ///
    /// - Parameter path: The file.
    /// - Returns: The rows, at least one.
    /// - Throws: ``EvaluationError`` that names the first line at fault; nothing has been scored by then.
    static func load(_ path: String) throws(EvaluationError) -> [EvaluationRow] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unusable(path: path, reason: "no such file, or not readable")
        }
        let folder = PathText.folder(of: path)
        var rows: [EvaluationRow] = []
        for (index, line) in data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            do {
                let object = try JSONDecoder().decode(EvaluationRowObject.self, from: Data(line))
                rows.append(try object.row(line: index + 1, folder: folder))
            } catch {
                throw .row(path: path, line: index + 1, reason: DecodingReason(error).text)
            }
        }
        guard !rows.isEmpty else { throw .noRows(path: path) }
        return rows
    }
}

/// A row as it is written.
private struct EvaluationRowObject: Decodable {
    let source: String
    let edited: String?
    let editedA: String?
    let editedB: String?
    let prompt: String
    let requirement: String?
    let label: LabelValue
    let category: String?

    /// A number, a word or two numbers.
    enum LabelValue: Decodable {
        case number(Double)
        case word(String)
        case numbers([Double])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let word = try? container.decode(String.self) {
                self = .word(word)
            } else if let numbers = try? container.decode([Double].self) {
                self = .numbers(numbers)
            } else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription: "must be a number, \"a\", \"b\", \"tie\" or two numbers"
                )
            }
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case source, edited
        case editedA = "edited_a"
        case editedB = "edited_b"
        case prompt, requirement, label, category
    }

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        source = try container.decode(String.self, forKey: .source)
        edited = try container.decodeIfPresent(String.self, forKey: .edited)
        editedA = try container.decodeIfPresent(String.self, forKey: .editedA)
        editedB = try container.decodeIfPresent(String.self, forKey: .editedB)
        prompt = try container.decode(String.self, forKey: .prompt)
        requirement = try container.decodeIfPresent(String.self, forKey: .requirement)
        label = try container.decode(LabelValue.self, forKey: .label)
        category = try container.decodeIfPresent(String.self, forKey: .category)
    }

    func row(line: Int, folder: String) throws -> EvaluationRow {
        let paths: [String]
        switch (edited, editedA, editedB) {
        case (let edited?, nil, nil): paths = [edited]
        case (nil, let first?, let second?): paths = [first, second]
        default: throw Self.failure(.edited, "give either \"edited\", or \"edited_a\" and \"edited_b\"")
        }
        func absolute(_ path: String) -> String {
            path.hasPrefix("/") || folder.isEmpty ? path : (folder as NSString).appendingPathComponent(path)
        }
        return EvaluationRow(
            line: line,
            source: absolute(source),
            edited: paths.map(absolute),
            prompt: prompt,
            requirement: requirement ?? "",
            label: try label(edits: paths.count),
            category: category
        )
    }

    private func label(edits: Int) throws -> EvaluationRow.Label {
        switch (label, edits) {
        case (.number(let rating), 1): .rating(rating)
        case (.number(let sign), _): .preference(sign > 0 ? 1 : sign < 0 ? -1 : 0)
        case (.word("a"), 2): .preference(1)
        case (.word("b"), 2): .preference(-1)
        case (.word("tie"), 2): .preference(0)
        case (.numbers(let ratings), 2) where ratings.count == 2: .ratings(ratings[0], ratings[1])
        case (_, 1): throw Self.failure(.label, "must be a number for one edit")
        default:
            throw Self.failure(
                .label,
                "must be \"a\", \"b\", \"tie\", a number whose sign says so, or two ratings, for two edits"
            )
        }
    }

    private static func failure(_ key: CodingKeys, _ reason: String) -> DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: [key], debugDescription: reason))
    }
}
