/// Why a run cannot be reported on.
enum ReportError: Error, Equatable, CustomStringConvertible {
    /// The run has no evaluation before and after training.
    case noEvaluations(run: String)
    /// The run was evaluated on other rows.
    case otherDataset(run: String, dataset: String)

    var description: String {
        switch self {
        case .noEvaluations(let run):
            "\(run) has no evaluation before and after training; train with evaluateEvery above 0"
        case .otherDataset(let run, let dataset):
            "\(run) was evaluated on rows that \(dataset) does not have; name the run's own dataset"
        }
    }
}
