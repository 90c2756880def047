/// Why a run cannot be saved or continued.
enum CheckpointError: Error, Equatable, CustomStringConvertible {
    /// The run has no checkpoint.
    case none(run: String)
    /// A checkpoint's file is missing, damaged or of another version.
    case damaged(path: String, reason: String)
    /// The files that a run depends on are not those it was started with.
    case mismatch(what: String, path: String)
    /// The output folder already holds a run.
    case occupied(path: String)

    var description: String {
        switch self {
        case .none(let run):
            "\(run) holds no checkpoint; start the run without --resume"
        case .damaged(let path, let reason):
            "the checkpoint \(path) cannot be used: \(reason); resume from an older one beside it"
        case .mismatch(let what, let path):
            "\(path) was made with another \(what); give the same one, or start a new run"
        case .occupied(let path):
            "\(path) already holds a run; continue it with --resume or name another output folder"
        }
    }
}
