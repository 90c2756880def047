import Shared

/// Everything that changes while a run trains; with the configuration and the seed it decides all that
/// follows.
struct TrainerState: Sendable {
    /// How many epochs are done; the number of the next one.
    var epoch = 0
    /// How many optimiser steps were taken.
    var globalStep = 0
    /// The trained adapter.
    var current: LoRAAdapter
    /// The adapter that draws candidates.
    var old: LoRAAdapter
    /// The averaged adapter, for evaluation and inference.
    var average: LoRAAdapter
    /// The optimiser's moments and step count.
    var optimizer: AdamW<Float>
    /// Banned rows in the order in which they were banned.
    var bannedRows: [Int] = []
    /// Rows that were trained on.
    var seenRows: Set<Int> = []

    /// The beginning of a run: all adapters equal, no moments.
    init(adapter: LoRAAdapter, settings: AdamW<Float>.Settings) {
        current = adapter
        old = adapter
        average = adapter
        optimizer = AdamW(settings: settings, counts: adapter.parameters().map(\.tensor.count))
    }

    /// Whether candidates are drawn with exactly the weights that are trained.
    var isOnPolicy: Bool {
        zip(current.parameters(), old.parameters()).allSatisfy { $0.tensor.values == $1.tensor.values }
    }
}

extension TrainerState {
    /// Root mean square of current minus old.
    var oldDistance: Double {
        var (sum, count) = (0.0, 0)
        for (current, old) in zip(current.values, old.values) {
            for (left, right) in zip(current, old) {
                sum += Double(left - right) * Double(left - right)
            }
            count += current.count
        }
        return (sum / Double(max(1, count))).squareRoot()
    }
}
