import Shared

/// Bounds the candidates that wait for the model, and estimates how long they take.
///
/// The bound is in candidates, not in requests, since that is what the model's time goes by.
final class ScoreQueue: Sendable {
    private struct Contents {
        var items = 0
        var requests = 0
        var secondsPerItem = 1.0
    }

    /// Most candidates that may wait or be worked on.
    let capacity: Int
    private let contents = Lock(Contents())

    /// Makes an empty queue.
    ///
    /// - Parameter capacity: Most candidates that may wait or be worked on.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Candidates that wait or are worked on.
    var depth: Int { contents.withLock(\.items) }

    /// Seconds after which a refused caller may try again, from the queue's length and the last groups' pace.
    var retryAfter: Int {
        contents.withLock { Self.wait(for: $0) }
    }

    /// Takes a group in.
    ///
    /// - Parameter items: Its candidates.
    /// - Throws: ``QueueFull``.
    func enter(items: Int) throws(QueueFull) {
        let refusal: QueueFull? = contents.withLock { contents in
            guard contents.items + items <= capacity else {
                return QueueFull(
                    depth: contents.items,
                    capacity: capacity,
                    retryAfter: Self.wait(for: contents)
                )
            }
            contents.items += items
            contents.requests += 1
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Lets a group out.
    ///
    /// - Parameters:
    ///   - items: Its candidates.
    ///   - compute: How long the model worked on it; `nil` when it did not finish.
    func leave(items: Int, compute: Duration?) {
        contents.withLock { contents in
            contents.items -= items
            contents.requests -= 1
            if let compute, items > 0 {
                let pace = compute.milliseconds / 1_000 / Double(items)
                contents.secondsPerItem += 0.3 * (pace - contents.secondsPerItem)
            }
        }
    }

    private static func wait(for contents: Contents) -> Int {
        min(600, max(1, Int((Double(contents.items) * contents.secondsPerItem).rounded(.up))))
    }
}

/// The queue is full.
struct QueueFull: Error, Equatable, CustomStringConvertible {
    /// Candidates that wait or are worked on.
    let depth: Int
    /// Most candidates that may.
    let capacity: Int
    /// Seconds after which to try again.
    let retryAfter: Int

    /// One line: what is wrong, and what to do.
    var description: String {
        "\(depth) of \(capacity) places in the queue are taken; try again in \(retryAfter) s"
    }
}
