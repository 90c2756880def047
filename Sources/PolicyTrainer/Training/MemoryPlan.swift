import Foundation
import Shared

/// What memory a run will take, part by part, before anything is loaded.
///
/// Activations are counted in numbers per token and unit of width that the blocks hold; both kinds of block make about
/// the same: input, normalised input, projections, attention, hidden numbers before and behind the activation.
struct MemoryPlan: Sendable, Equatable {
    /// One line of the plan.
    struct Part: Sendable, Equatable {
        /// What takes the memory.
        let name: String
        /// Bytes at the highest.
        let byteCount: Int
    }

    /// What a run does, as far as memory depends on it.
    struct Work: Sendable {
        /// Pixels of target and reference.
        var width: Int
        /// Pixels of target and reference.
        var height: Int
        /// Tokens that a text is padded to; nil for T5's own number.
        var textLength: Int?
        /// Items that a thread computes at once.
        var shardSize = 1
        /// Threads that compute side by side.
        var threads = 1
        /// The training; nil for sampling.
        var training: Training?

        /// What training keeps besides.
        struct Training: Sendable {
            /// Rank of the adapter.
            var rank: Int
            /// Endings of the adapted maps' names.
            var targets: [String]
            /// How many blocks are computed again together; 0 keeps all insides.
            var checkpointing: Int
            /// Predictions of an item that are computed as one batch: current, old, reference.
            var predictions: Int
            /// Dataset rows whose conditioning is kept.
            var cachedRows: Int
        }
    }

    /// Numbers per token and unit of width that one block holds for its backward pass.
    private static let insides = 14
    /// Numbers per token and unit of width that one block needs while it runs.
    private static let passing = 15
    /// Feature maps of the autoencoder's finest layer that exist at once.
    private static let featureMaps = 4
    /// Memory of the program, the tokenizers and the kept buffers of tensors.
    private static let program = 384 << 20
    /// Rows being unpacked, for each thread.
    private static let unpacking = 32 << 20

    /// All parts.
    let parts: [Part]
    /// Bytes among ``parts`` that the system can drop and read again from the weights' files.
    let mappedByteCount: Int
    /// How base weights are kept.
    let weights: BaseWeightOptions
    /// Whether the backward pass keeps the insides of all blocks.
    let keepsInsides: Bool

    /// Bytes of all parts.
    var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

    /// Plans a run.
    ///
    /// - Parameters:
    ///   - outline: Sizes of the policy.
    ///   - weights: How base weights are kept.
    ///   - work: What the run does.
    init(_ outline: PolicyOutline, weights: BaseWeightOptions, work: Work) {
        let float = MemoryLayout<Float>.stride
        let base = weights.byteCounts(of: outline.transformer)
        let encoders = outline.encoders.map { BaseWeightOptions().byteCounts(of: $0) }
        let tokens = outline.tokens(width: work.width, height: work.height, textLength: work.textLength)
        let stream = (tokens.text + tokens.image) * outline.width * float * work.shardSize * work.threads
        let pixels = work.width * work.height
        var parts = [Part(name: "base weights", byteCount: base.owned + base.mapped)]
        var activations = Self.passing * stream
        var cachedRows = 1
        keepsInsides = work.training.map { $0.checkpointing == 0 } ?? false
        if let training = work.training {
            let count = outline.adapterParameterCount(rank: training.rank, targets: training.targets)
            // Current, old and averaged; and the numbers that the optimiser is handed.
            parts.append(Part(name: "adapters", byteCount: 4 * count * float))
            // Two moments, the sum of the gradients, and two results of each thread on their way into it.
            parts.append(Part(name: "optimiser", byteCount: (3 + 2 * work.threads) * count * float))
            let blocks = outline.blockCount
            let together = training.checkpointing
            let kept = together == 0 ? Self.insides * blocks : (blocks + together - 1) / together
            let forward = Self.passing * training.predictions
            let backward = Self.insides * max(1, together) + Self.passing
            activations = (kept + max(forward, backward)) * stream
            cachedRows = training.cachedRows
        }
        parts.append(Part(name: "activations", byteCount: activations))
        parts.append(
            Part(name: "text encoders", byteCount: encoders.reduce(0) { $0 + $1.owned + $1.mapped })
        )
        let maps = Self.featureMaps * outline.finestChannels * pixels * float * work.threads
        parts.append(
            Part(
                name: "autoencoder",
                byteCount: BaseWeightOptions(format: .float32).byteCounts(of: outline.autoencoder).owned
                    + maps
            )
        )
        let row = (tokens.text * outline.textWidth + 4 * pixels) * float
        parts.append(
            Part(
                name: "caches",
                byteCount: cachedRows * row + Self.program + Self.unpacking * work.threads
            )
        )
        self.parts = parts
        mappedByteCount = base.mapped + encoders.reduce(0) { $0 + $1.mapped }
        self.weights = weights
    }

    /// Decides whether weights are streamed, or refuses a run that cannot fit.
    ///
    /// - Parameter available: What memory there is; nil when that is not known, which refuses nothing.
    /// - Returns: How base weights are kept.
    /// - Throws: ``MemoryPlanError``.
    func fitted(to available: AvailableMemory?) throws(MemoryPlanError) -> BaseWeightOptions {
        var options = weights
        guard let available, byteCount > available.byteCount else { return options }
        guard byteCount - mappedByteCount <= available.byteCount else {
            throw MemoryPlanError(
                needed: byteCount - mappedByteCount,
                available: available,
                remedy: remedy
            )
        }
        options.isStreamed = true
        return options
    }

    /// Plans a run in a policy folder, and decides how base weights are kept.
    ///
    /// - Parameters:
    ///   - folder: The policy.
    ///   - transformerFile: A file with the transformer's weights instead of the folder's.
    ///   - weights: How base weights were asked for.
    ///   - work: What the run does.
    ///   - available: What memory there is; nil when that is not known, which refuses nothing.
    /// - Returns: What was decided, and the plan as text.
    /// - Throws: ``MemoryPlanError`` for a run that cannot fit; what reading the folder's headers throws.
    static func prepare(
        folder: String,
        transformerFile: String? = nil,
        weights: BaseWeightOptions,
        work: Work,
        available: AvailableMemory? = .measure()
    ) throws -> Decision {
        let outline = try PolicyOutline(index: ModelIndex(folder: folder), transformerFile: transformerFile)
        var work = work
        if outline.isLarge { work.threads = 1 }
        let plan = MemoryPlan(outline, weights: weights, work: work)
        let fitted = try plan.fitted(to: available)
        return Decision(
            weights: fitted,
            isSideBySide: !outline.isLarge,
            table: plan.table(available: available, isStreamed: fitted.isStreamed)
        )
    }

    /// What a plan comes to.
    struct Decision: Sendable {
        /// How base weights are kept.
        let weights: BaseWeightOptions
        /// Whether shards share the compute threads.
        let isSideBySide: Bool
        /// The plan for people.
        let table: String
    }

    /// What would help most.
    private var remedy: String {
        let owned = parts.map { part in
            // Mapped weights can be dropped already.
            part.name == "base weights"
                ? Part(name: part.name, byteCount: max(0, part.byteCount - mappedByteCount)) : part
        }
        let largest = owned.max { $0.byteCount < $1.byteCount }?.name
        switch largest {
        case "base weights":
            return "keep them compressed (baseWeights: q4_0) or as stored (baseWeights: stored)"
        case "activations" where keepsInsides: return "set gradientCheckpointing: true"
        case "adapters", "optimiser": return "lower lora.rank"
        case "caches": return "use a smaller resolution or a shorter maxSequenceLength"
        default: return "use a smaller resolution or shardSize"
        }
    }

    /// The plan as text, a part a line.
    ///
    /// - Parameters:
    ///   - available: What memory there is.
    ///   - isStreamed: Whether mapped weights are read anew each time.
    /// - Returns: Lines with GiB.
    func table(available: AvailableMemory?, isStreamed: Bool) -> String {
        func line(_ name: String, _ count: Int, _ note: String = "") -> String {
            "memory  " + Text.padded(name, 16) + ByteText.gibibytes(count) + note
        }
        let notes = isStreamed ? "  (streamed from disk: \(ByteText.gibibytes(mappedByteCount)) mapped)" : ""
        let lines = parts.map { line($0.name, $0.byteCount, $0.name == "base weights" ? notes : "") }
        let free = available.map { " of \(ByteText.gibibytes($0.byteCount)) available" } ?? ""
        return (lines + [line("together", byteCount, free)]).joined(separator: "\n")
    }
}

/// A run that does not fit into memory.
struct MemoryPlanError: Error, Equatable, CustomStringConvertible {
    /// Bytes that the run needs at least.
    let needed: Int
    /// What there is.
    let available: AvailableMemory
    /// What would help most.
    let remedy: String

    /// One line: the figures, and what to do.
    var description: String {
        "the run needs about \(ByteText.gibibytes(needed)) of memory, \(available.source.rawValue) leaves "
            + "\(ByteText.gibibytes(available.byteCount)); \(remedy)"
    }
}
