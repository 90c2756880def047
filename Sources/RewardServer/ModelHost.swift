import Dispatch
import Shared

/// The weights on a queue of their own: one forward pass at a time, and none on the threads that serve HTTP.
///
/// Groups that wait while a pass runs go into the next one together, oldest first, as many as fit.
actor ModelHost {
    /// A reply, and how its forward pass was shared.
    struct Scored: Sendable {
        /// The reply.
        let response: EditScoresResponse
        /// How many groups were in the pass.
        let groupCount: Int
        /// The group's share of the pass's time, by candidates.
        let share: Duration
    }

    private struct Entry {
        let group: Scorer.PreparedGroup
        let scorer: Scorer
        let asked: ContinuousClock.Instant
        let deadline: ContinuousClock.Instant?
        let isAbandoned: Lock<Bool>
        let continuation: CheckedContinuation<Scored, any Error>

        var isCancelled: Bool {
            isAbandoned.withLock { $0 } || deadline.map { ContinuousClock.now > $0 } ?? false
        }
    }

    private let executor = QueueExecutor(label: "edit-r1.model", qualityOfService: .userInitiated)
    private let rowsOfPass: Int
    private var waiting: [Entry] = []

    /// Makes a queue.
    ///
    /// - Parameter rowsOfPass: Rows of tokens up to which waiting groups share a forward pass; a larger group has one of
    ///   its own.
    init(rowsOfPass: Int) {
        self.rowsOfPass = rowsOfPass
    }

    /// The queue of this actor's methods.
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Loads a model.
    ///
    /// - Parameter make: Reads the weights.
    /// - Returns: The model.
    /// - Throws: What `make` throws.
    func load(_ make: @Sendable () throws -> ServedModel) throws -> ServedModel {
        try make()
    }

    /// Scores a group; groups take their turns in the order of their calls.
    ///
    /// - Parameters:
    ///   - group: The group.
    ///   - scorer: The model, the same in all calls.
    ///   - asked: When the group began to wait.
    ///   - deadline: When to give up.
    /// - Returns: The reply.
    /// - Throws: What ``Scorer/score(_:isCancelled:)`` throws; a `CancellationError` when the caller's task is cancelled
    ///   or the deadline passes.
    func score(
        _ group: Scorer.PreparedGroup,
        scorer: Scorer,
        asked: ContinuousClock.Instant,
        deadline: ContinuousClock.Instant?
    ) async throws -> Scored {
        let isAbandoned = Lock(false)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiting.append(
                    Entry(
                        group: group,
                        scorer: scorer,
                        asked: asked,
                        deadline: deadline,
                        isAbandoned: isAbandoned,
                        continuation: continuation
                    )
                )
                // Its turn comes behind the calls that arrived during the last pass, so it finds them waiting. A turn
                // whose group went with an earlier one finds nothing.
                Task { runNextPass() }
            }
        } onCancel: {
            isAbandoned.withLock { $0 = true }
        }
    }

    private func runNextPass() {
        var pass: [Entry] = []
        var rows = 0
        while let next = waiting.first, pass.isEmpty || rows + next.group.rowCount <= rowsOfPass {
            waiting.removeFirst()
            if next.isCancelled {
                next.continuation.resume(throwing: CancellationError())
            } else {
                rows += next.group.rowCount
                pass.append(next)
            }
        }
        run(pass)
    }

    private func run(_ pass: [Entry]) {
        guard let scorer = pass.first?.scorer else { return }
        let start = ContinuousClock.now
        do {
            let responses = try scorer.score(
                pass.map { ($0.group, queued: start - $0.asked) },
                isCancelled: { pass.allSatisfy(\.isCancelled) }
            )
            let time = (ContinuousClock.now - start) / max(1, pass.reduce(0) { $0 + $1.group.candidateCount })
            for (entry, response) in zip(pass, responses) {
                let share = time * entry.group.candidateCount
                entry.continuation.resume(
                    with: entry.isCancelled
                        ? .failure(CancellationError())
                        : .success(Scored(response: response, groupCount: pass.count, share: share))
                )
            }
        } catch  where pass.count > 1 && !(error is CancellationError) {
            // One group's failure is not the others'.
            for entry in pass {
                run([entry])
            }
        } catch {
            for entry in pass {
                entry.continuation.resume(throwing: error)
            }
        }
    }
}

/// Parsing, image decoding and preparation on a queue of their own: a large request keeps neither HTTP nor the model waiting.
actor IntakeHost {
    private let executor = QueueExecutor(label: "edit-r1.intake")

    /// The queue of this actor's methods.
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Runs work on the queue.
    func run<Value: Sendable>(_ work: @Sendable () throws -> Value) throws -> Value {
        try Task.checkCancellation()
        return try work()
    }
}
