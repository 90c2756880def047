import Imaging
import Shared

/// One group to be scored, checked but not yet decoded: what HTTP and the shell both make of their input.
struct ScoreGroup: Sendable {
    /// The image before the edit.
    var source: ImageFile
    /// What the edit was asked to do.
    var instruction: String
    /// What a good result must fulfil; may be empty.
    var requirement: String
    /// The candidates, in order.
    var candidates: [Candidate]
    /// How to ask.
    var rubric: Rubric
    /// How to read the answer.
    var options: ScoreOptions

    /// A file in memory, and what errors call it.
    struct ImageFile: Sendable {
        /// A path, or a place in a request.
        var name: String
        /// The whole file.
        var bytes: [UInt8]
    }

    /// One candidate; its file may already be known to be unusable.
    struct Candidate: Sendable {
        /// The caller's name of it.
        var id: String
        /// The file, or why there is none.
        var file: Result<ImageFile, ScoreFailure>
    }

    /// Describes a group.
    ///
    /// - Parameters:
    ///   - source: The image before the edit.
    ///   - instruction: What the edit was asked to do.
    ///   - requirement: What a good result must fulfil.
    ///   - candidates: The candidates, in order.
    ///   - rubric: How to ask.
    ///   - options: How to read the answer.
    /// - Throws: ``RequestError`` for texts, counts, names or options outside the limits.
    init(
        source: ImageFile,
        instruction: String,
        requirement: String,
        candidates: [Candidate],
        rubric: Rubric,
        options: ScoreOptions = ScoreOptions()
    ) throws(RequestError) {
        self.source = source
        self.instruction = instruction
        self.requirement = requirement
        self.candidates = candidates
        self.rubric = rubric
        self.options = options
        try check()
    }

    /// Reads a group out of a request.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - rubrics: The rubrics that it may name.
    ///   - maximumEdits: Most candidates.
    /// - Throws: ``RequestError`` or ``RubricError``.
    init(_ request: EditScoresRequest, rubrics: RubricLibrary, maximumEdits: Int) throws {
        guard !request.edits.isEmpty else { throw RequestError.noEdits }
        guard request.edits.count <= maximumEdits else {
            throw RequestError.tooManyEdits(count: request.edits.count, limit: maximumEdits)
        }
        try self.init(
            source: Self.file(request.source.image, name: "source.image")
                .mapError { RequestError.sourceImage($0) }.get(),
            instruction: request.instruction,
            requirement: request.requirement ?? "",
            candidates: request.edits.enumerated().map { index, edit in
                Candidate(
                    id: edit.id ?? String(index),
                    file: Self.file(edit.image, name: "edits[\(index)].image")
                )
            },
            rubric: rubrics.rubric(request.rubric),
            options: request.options ?? ScoreOptions()
        )
    }

    private static func file(_ text: String, name: String) -> Result<ImageFile, ScoreFailure> {
        do {
            return .success(ImageFile(name: name, bytes: try DataURI(text).bytes))
        } catch {
            return .failure(ScoreFailure(error, name: name))
        }
    }

    private func check() throws(RequestError) {
        guard instruction.contains(where: { !$0.isWhitespace }) else { throw .blankInstruction }
        for (name, text) in [("instruction", instruction), ("requirement", requirement)] {
            guard text.count <= RequestError.maximumTextLength else {
                throw .textTooLong(name: name, count: text.count)
            }
        }
        var seen: Set<String> = []
        for candidate in candidates where !seen.insert(candidate.id).inserted {
            throw .repeatedID(String(candidate.id.prefix(80)))
        }
        if let temperature = options.temperature, !(0.01...100).contains(temperature) {
            throw .option(name: "temperature", reason: "must be between 0.01 and 100")
        }
        if let mass = options.minimumMass, !(0...1).contains(mass) {
            throw .option(name: "min_mass", reason: "must be between 0 and 1")
        }
        if let deadline = options.deadlineMilliseconds, !(1...3_600_000).contains(deadline) {
            throw .option(name: "deadline_ms", reason: "must be between 1 and 3600000")
        }
    }
}
