import Foundation
import Imaging
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
    /// What else the row says, by key: texts as they are, other values as JSON.
    var extra: [String: String] = [:]
    /// The number whose sign is the preference; `nil` when the label is something else.
    var numberForPreference: Double?

    /// Reads a file of rows: one JSON object a line, paths relative to the file's folder.
    ///
    /// - Parameter path: The file; "-" reads standard input, and paths are then relative to the current folder.
    /// - Returns: The rows, at least one.
    /// - Throws: ``EvaluationError`` that names the first line at fault; nothing has been scored by then.
    static func load(_ path: String) throws(EvaluationError) -> [EvaluationRow] {
        let isInput = path == PictureFile.standardInput
        let contents =
            isInput ? try? FileHandle.standardInput.readToEnd() : FileManager.default.contents(atPath: path)
        guard let data = contents else {
            throw .unusable(path: path, reason: "no such file, or not readable")
        }
        let folder = isInput ? "" : PathText.folder(of: path)
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
    let extra: [String: String]

    /// A number, a word or two numbers.
    enum LabelValue: Decodable {
        case number(Double)
        case word(String)
        case numbers([Double])

        /// The number, if it is one.
        var number: Double? { if case .number(let number) = self { number } else { nil } }

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
        extra = try ExtraFields(from: decoder, besides: CodingKeys.self).texts
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
            // In a row "-" is a file like any other.
            PathText.path(path, in: folder.isEmpty && path == PictureFile.standardInput ? "." : folder)
        }
        return EvaluationRow(
            line: line,
            source: absolute(source),
            edited: paths.map(absolute),
            prompt: prompt,
            requirement: requirement ?? "",
            label: try label(edits: paths.count),
            category: category,
            extra: extra,
            numberForPreference: paths.count == 2 ? label.number : nil
        )
    }

    private func label(edits: Int) throws -> EvaluationRow.Label {
        switch (label, edits) {
        case (.number(let rating), 1): .rating(rating)
        case (.number(let sign), _): .preference(sign > 0 ? 1 : sign < 0 ? -1 : 0)
        case (.word(let word), 2): .preference(try Self.order(word))
        case (.numbers(let ratings), 2) where ratings.count == 2: .ratings(ratings[0], ratings[1])
        case (_, 1): throw Self.failure(.label, "must be a number for one edit")
        default:
            throw Self.failure(.label, Self.expectation)
        }
    }

    private static let expectation = """
        must be "a", "b", "tie", "A>B" or the like, a number whose sign says so, or two ratings, for two edits
        """

    /// The preference that a word means, in capitals or not: A, B, tie, or both letters with >, < or = between them,
    /// which may be doubled.
    private static func order(_ word: String) throws -> Int {
        let text = word.lowercased().filter { !$0.isWhitespace }
        switch text {
        case "a": return 1
        case "b": return -1
        case "tie": return 0
        default: break
        }
        guard let first = text.first, let last = text.last, text.count >= 3,
            Set([first, last]) == ["a", "b"]
        else {
            throw failure(.label, expectation)
        }
        let forFirst: Int
        switch text.dropFirst().dropLast() {
        case ">", ">>": forFirst = 1
        case "<", "<<": forFirst = -1
        case "=", "==": forFirst = 0
        default: throw failure(.label, expectation)
        }
        return first == "a" ? forFirst : -forFirst
    }

    private static func failure(_ key: CodingKeys, _ reason: String) -> DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: [key], debugDescription: reason))
    }
}
