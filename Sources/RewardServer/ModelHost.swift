import Dispatch
import Shared

/// The weights on a queue of their own: one forward pass at a time, and none on the threads that serve HTTP.
actor ModelHost {
    private let executor = QueueExecutor(label: "edit-r1.model", qualityOfService: .userInitiated)

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
    ///   - scorer: The model.
    ///   - asked: When the group began to wait.
    ///   - deadline: When to give up.
    /// - Returns: The reply.
    /// - Throws: What ``Scorer/score(_:queued:isCancelled:)`` throws; a `CancellationError` when the caller's task is
    ///   cancelled or the deadline passes.
    func score(
        _ group: Scorer.DecodedGroup,
        scorer: Scorer,
        asked: ContinuousClock.Instant,
        deadline: ContinuousClock.Instant?
    ) throws -> EditScoresResponse {
        func isCancelled() -> Bool {
            Task.isCancelled || deadline.map { ContinuousClock.now > $0 } ?? false
        }
        if isCancelled() { throw CancellationError() }
        return try scorer.score(group, queued: ContinuousClock.now - asked, isCancelled: isCancelled)
    }
}

/// Parsing and image decoding on a queue of their own: a large request keeps neither HTTP nor the model waiting.
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
