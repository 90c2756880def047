import Imaging
import Shared

/// Source images and conditioning of dataset rows, computed once per row, or read from an earlier run's disk.
///
/// `maximumRows` bounds the memory: when it is reached, the oldest rows are forgotten and computed again when
/// needed, with the same result.
final class ConditioningCache: Sendable {
    /// What a row gives.
    struct Entry: Sendable {
        /// The source image at the run's resolution.
        let source: PixelImage
        /// What the model sees.
        let conditioning: PolicyRunner.Conditioning
    }

    /// Rows that are kept unless asked otherwise.
    static let defaultRowLimit = 4_096

    private struct State {
        var entries: [Int: Entry] = [:]
        var order: [Int] = []
    }

    private let state = Lock(State())
    private let examples: [EditExample]
    private let runner: PolicyRunner
    private let maximumRows: Int
    private let store: ConditioningStore?

    /// Makes an empty cache over some rows.
    ///
    /// - Parameters:
    ///   - examples: The rows.
    ///   - runner: The policy.
    ///   - store: Where entries last beyond the process; nil for nowhere.
    ///   - maximumRows: Rows that are kept in memory.
    init(
        examples: [EditExample],
        runner: PolicyRunner,
        store: ConditioningStore? = nil,
        maximumRows: Int = defaultRowLimit
    ) {
        self.examples = examples
        self.runner = runner
        self.store = store
        self.maximumRows = maximumRows
    }

    /// Conditionings from disk, and computed where the disk has none that is whole.
    private func conditionings(
        _ rows: [(instruction: String, image: PixelImage)]
    ) throws -> [PolicyRunner.Conditioning] {
        guard let store else { return try runner.conditioning(of: rows) }
        let inputs = rows.map {
            ConditioningStore.Input(
                instruction: $0.instruction,
                image: $0.image,
                textLength: runner.textLength
            )
        }
        var found = inputs.map { store.load($0) }
        let missing = found.indices.filter { found[$0] == nil }
        let fresh = try runner.conditioning(of: missing.map { rows[$0] })
        for (index, conditioning) in zip(missing, fresh) {
            try store.save(conditioning, for: inputs[index])
            found[index] = conditioning
        }
        return found.compactMap { $0 }
    }

    /// The entries of rows, in order.
    ///
    /// - Parameter rows: Positions in the examples.
    /// - Returns: One entry per row.
    /// - Throws: `DecodeError` that names an image; `PolicyError`.
    func entries(_ rows: [Int]) throws -> [Entry] {
        let known = state.withLock { $0.entries }
        var seen = Set(known.keys)
        let missing = rows.filter { seen.insert($0).inserted }
        let sources = try missing.map {
            try ExampleImage.load(examples[$0].image, resolution: runner.resolution)
        }
        let conditionings = try conditionings(
            zip(missing, sources).map { (examples[$0].instruction, $1) }
        )
        var fresh: [Int: Entry] = [:]
        for (row, (source, conditioning)) in zip(missing, zip(sources, conditionings)) {
            fresh[row] = Entry(source: source, conditioning: conditioning)
        }
        state.withLock { state in
            for row in missing {
                state.entries[row] = fresh[row]
                state.order.append(row)
            }
            let surplus = max(0, state.order.count - maximumRows)
            for row in state.order.prefix(surplus) {
                state.entries[row] = nil
            }
            state.order.removeFirst(surplus)
        }
        return rows.compactMap { known[$0] ?? fresh[$0] }
    }
}
