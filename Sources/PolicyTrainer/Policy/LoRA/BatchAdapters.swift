import Shared

/// Which low-rank terms the samples of a batch get.
///
/// A batch is cut into runs of equally many samples, one behind the other, each with an adapter of its own or none. The
/// frozen weights are multiplied with all runs at once.
struct BatchAdapters: Sendable {
    /// The adapter of each run; nil for the base model.
    let runs: [LoRAAdapter?]

    /// One adapter for all samples; nil for the base model.
    init(_ adapter: LoRAAdapter?) {
        runs = [adapter]
    }

    /// A run of samples for each adapter.
    init(runs: [LoRAAdapter?]) {
        precondition(!runs.isEmpty, "a batch has at least one run")
        self.runs = runs
    }

    /// The first run alone: what a tape records of a batch.
    var first: BatchAdapters { BatchAdapters(runs[0]) }
}

extension Tensor {
    /// One of `count` equal runs along the first axis.
    func run(_ index: Int, of count: Int) -> Tensor {
        let height = shape.first ?? 1
        precondition(height % count == 0, "\(shape) is not cut into \(count) runs")
        guard count > 1 else { return self }
        return reshaped([count, self.count / count]).rows(index..<(index + 1))
            .reshaped([height / count] + shape.dropFirst())
    }
}
