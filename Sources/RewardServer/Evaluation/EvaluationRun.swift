import Imaging
import Shared

/// Rows → scores: asks the judge for what earlier runs have not scored, source image by source image.
struct EvaluationRun {
    /// A row with what came of its edits, in the order of ``EvaluationRow/edited``.
    struct ScoredRow {
        /// The row.
        let row: EvaluationRow
        /// One answer for each edit.
        let answers: [Result<Answer, ScoreFailure>]
    }

    /// A score and what names it.
    struct Answer {
        /// The question's identity.
        let key: String
        /// The judge's answer.
        let score: EditScore
    }

    /// Who is asked.
    let judge: EvaluationJudge
    /// What has been answered.
    let store: ScoreStore
    /// What picture files may ask for.
    var imageLimits = DecodeLimits.standard
    /// Told how many of how many edits are done.
    let progress: (_ done: Int, _ total: Int) -> Void

    private struct Group: Hashable {
        let source: String
        let prompt: String
        let requirement: String

        init(_ row: EvaluationRow) {
            (source, prompt, requirement) = (row.source, row.prompt, row.requirement)
        }
    }

    /// Scores all rows.
    ///
    /// - Parameter rows: The rows.
    /// - Returns: As many, in their order; what cannot be scored is a failure in its place.
    /// - Throws: ``EvaluationError``, ``RubricError``, ``RemoteError`` for a server that does not answer,
    ///   what the runtime throws. What was scored until then is in the store.
    func score(_ rows: [EvaluationRow]) throws -> [ScoredRow] {
        var scored = [ScoredRow?](repeating: nil, count: rows.count)
        let total = rows.reduce(0) { $0 + $1.edited.count }
        var done = 0
        var groups: [[Int]] = []
        var places: [Group: Int] = [:]
        for (index, row) in rows.enumerated() {
            if let place = places[Group(row)] {
                groups[place].append(index)
            } else {
                places[Group(row)] = groups.count
                groups.append([index])
            }
        }
        for group in groups {
            let members = group.map { rows[$0] }
            for (index, answers) in zip(group, try answers(for: members)) {
                scored[index] = ScoredRow(row: rows[index], answers: answers)
                done += answers.count
            }
            progress(done, total)
        }
        return scored.compactMap(\.self)
    }

    /// The answers for rows of one source image and text.
    private func answers(for rows: [EvaluationRow]) throws -> [[Result<Answer, ScoreFailure>]] {
        guard let first = rows.first else { return [] }
        let source = digest(of: first.source)
        let keys = rows.map { row in
            row.edited.map { path in
                source.flatMap { source in
                    digest(of: path).map { edited in
                        ScoreStore.key(of: row, source: source, edited: edited, judge: judge)
                    }
                }
            }
        }
        var missing: [(key: String, path: String)] = []
        var asked: Set<String> = []
        var failures: [String: ScoreFailure] = [:]
        for (key, path) in zip(keys.joined(), rows.flatMap(\.edited)) {
            guard let key = try? key.get(), store[key] == nil, asked.insert(key).inserted else { continue }
            missing.append((key, path))
        }
        for start in stride(from: 0, to: missing.count, by: judge.groupLimit) {
            let part = missing[start..<min(start + judge.groupLimit, missing.count)]
            for ((key, _), outcome) in zip(part, try outcomes(of: part.map(\.path), like: first)) {
                switch outcome {
                case .score(let score): try store.append(score, for: key, judge: judge)
                case .failure(let failure): failures[key] = failure
                }
            }
        }
        return keys.map { row in
            row.map { key in
                key.flatMap { key in
                    if let score = store[key] { return .success(Answer(key: key, score: score)) }
                    return .failure(failures[key] ?? Self.unanswered)
                }
            }
        }
    }

    private func outcomes(of paths: [String], like row: EvaluationRow) throws -> [ScoreOutcome] {
        let question = ShellQuestion(
            source: row.source,
            instruction: row.prompt,
            requirement: row.requirement,
            rubric: judge.rubricName,
            edited: paths,
            limits: imageLimits
        )
        do {
            return try judge.answer(question).rows.map(\.outcome)
        } catch let error as RequestError {
            let failure = ScoreFailure(type: "invalid_request", message: error.description)
            return paths.map { _ in .failure(failure) }
        } catch let RemoteError.refused(_, status, message) where [400, 413, 422].contains(status) {
            return paths.map { _ in .failure(ScoreFailure(type: "invalid_request", message: message)) }
        }
    }

    private static let unanswered = ScoreFailure(type: "model_error", message: "the judge left the image out")

    private func digest(of path: String) -> Result<ContentHash, ScoreFailure> {
        ShellQuestion.file(path, limits: imageLimits).map { ContentHash($0.bytes) }
    }
}
