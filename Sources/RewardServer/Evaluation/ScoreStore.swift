import Foundation
import Shared

/// The scores of earlier runs, in a file that only grows: what is in it need not be computed again.
///
/// One JSON object a line, written at once. A process that is killed can leave half a line at the end, which
/// the next one cuts off; damage anywhere else is an error.
final class ScoreStore {
    /// One score.
    private struct Entry: Codable {
        let key: String
        let model: String
        let rubric: String
        let score: EditScore
    }

    private let path: String
    private let file: FileHandle
    private var scores: [String: EditScore] = [:]

    /// Opens or makes a file, and keeps other processes from writing it.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``EvaluationError/unusable(path:reason:)``, ``EvaluationError/busy(path:)`` or
    ///   ``EvaluationError/results(path:line:reason:)``.
    init(path: String) throws(EvaluationError) {
        self.path = path
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .unusable(
                path: path,
                reason: "cannot be written: \(unsafe String(cString: strerror(errno)))"
            )
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw .busy(path: path) }
        let data: Data
        do {
            data = try file.readToEnd() ?? Data()
        } catch {
            throw .unusable(path: path, reason: "cannot be read")
        }
        let end = data.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        for (index, line) in data.prefix(end).split(separator: 0x0A).enumerated() {
            do {
                let entry = try JSONDecoder().decode(Entry.self, from: Data(line))
                scores[entry.key] = entry.score
            } catch {
                throw .results(path: path, line: index + 1, reason: DecodingReason(error).text)
            }
        }
        if end < data.count, ftruncate(descriptor, off_t(end)) != 0 {
            throw .unusable(path: path, reason: "its torn last line cannot be cut off")
        }
    }

    /// How many scores there are.
    var count: Int { scores.count }

    /// The score of a key.
    subscript(key: String) -> EditScore? { scores[key] }

    /// Writes a score down.
    ///
    /// - Parameters:
    ///   - score: The score.
    ///   - key: What it is a score of, see ``key(of:judge:)``.
    ///   - judge: Who scored.
    /// - Throws: ``EvaluationError/unusable(path:reason:)`` when the disk is full.
    func append(_ score: EditScore, for key: String, judge: EvaluationJudge) throws(EvaluationError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let entry = Entry(key: key, model: judge.model, rubric: judge.rubric.name, score: score)
        do {
            try file.write(contentsOf: try encoder.encode(entry) + Data([0x0A]))
        } catch {
            throw .unusable(path: path, reason: "cannot be written: \(error)")
        }
        scores[key] = score
    }

    /// The identity of one question to one judge: equal questions have equal keys, wherever their files are.
    ///
    /// - Parameters:
    ///   - row: The texts.
    ///   - source: The digest of the source image's file.
    ///   - edited: The digest of the edited image's file.
    ///   - judge: Who is asked, and how.
    /// - Returns: The digest over the contents, the model's files, its preprocessing and the rubric.
    static func key(
        of row: EvaluationRow,
        source: ContentHash,
        edited: ContentHash,
        judge: EvaluationJudge
    ) -> String {
        let fields = [
            "edit-r1 evaluation 1", judge.fingerprint, judge.preprocessHash, judge.rubric.hash.description,
            source.hexadecimal, edited.hexadecimal, row.prompt, row.requirement,
        ]
        return ContentHash(fields.map { "\($0.utf8.count):\($0)" }.joined()).hexadecimal
    }
}
