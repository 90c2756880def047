/// Why an evaluation cannot begin or go on; what concerns single rows is listed in the report instead.
enum EvaluationError: Error, Equatable, CustomStringConvertible {
    /// A file cannot be read or written.
    case unusable(path: String, reason: String)
    /// A line of the rows is no row.
    case row(path: String, line: Int, reason: String)
    /// There is nothing to evaluate.
    case noRows(path: String)
    /// A line of earlier results is damaged, and not the last one.
    case results(path: String, line: Int, reason: String)
    /// Another process writes the same results.
    case busy(path: String)
    /// Not one row has a score.
    case nothingScored(rows: Int, first: String)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .unusable(let path, let reason): "\(path): \(reason)"
        case .row(let path, let line, let reason): "\(path), line \(line): \(reason)"
        case .noRows(let path): "\(path) has no rows; give one JSON object a line"
        case .results(let path, let line, let reason):
            "\(path), line \(line) is damaged: \(reason); delete the file to score everything again"
        case .busy(let path): "\(path) is being written by another eval; wait for it or give another --output"
        case .nothingScored(let rows, let first):
            "none of the \(rows) rows could be scored, the first because: \(first)"
        }
    }
}
