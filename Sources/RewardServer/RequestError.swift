import Shared

/// Why a group is not scored at all; failures of single candidates are ``ScoreFailure``.
enum RequestError: Error, CustomStringConvertible {
    /// Longest instruction and longest requirement, in characters.
    static let maximumTextLength = 16_000

    /// The request has no candidate.
    case noEdits
    /// The request has more candidates than the limit.
    case tooManyEdits(count: Int, limit: Int)
    /// Two candidates have the same name.
    case repeatedID(String)
    /// There is nothing to judge the edit by.
    case blankInstruction
    /// A text is longer than ``maximumTextLength``.
    case textTooLong(name: String, count: Int)
    /// An option is outside its range.
    case option(name: String, reason: String)
    /// The server has another model.
    case unknownModel(name: String, known: String)
    /// The source image cannot be used.
    case sourceImage(ScoreFailure)
    /// No candidate has a score, or one has none and the request is strict.
    case failedItems([EditScoreItem])
    /// The request's time is over.
    case deadline(milliseconds: Int)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .noEdits: "\"edits\" is empty; give at least one candidate"
        case .tooManyEdits(let count, let limit):
            "\(count) edits are over the limit of \(limit); split the group"
        case .repeatedID(let id): "two edits are called \"\(id)\"; give each its own id, or none"
        case .blankInstruction: "the instruction is empty; say what the edit was asked to do"
        case .textTooLong(let name, let count):
            "the \(name) has \(count) characters; the limit is \(Self.maximumTextLength)"
        case .option(let name, let reason): "options.\(name) \(reason)"
        case .unknownModel(let name, let known):
            "no model is called \"\(name)\"; this server has \"\(known)\""
        case .sourceImage(let failure): failure.message
        case .failedItems(let items):
            items.lazy.compactMap(\.outcome.failure).first?.message ?? "no candidate could be scored"
        case .deadline(let milliseconds):
            "not finished within options.deadline_ms = \(milliseconds); give more time or fewer edits"
        }
    }
}
