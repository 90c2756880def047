import Foundation
import Shared

/// Work that blocks, on threads of its own, with results in the order of the indices.
///
/// Swift's cooperative threads must not wait for a network; these may.
final class BlockingWork<Value: Sendable>: Sendable {
    private struct State {
        var next = 0
        var values: [Value?]
        var missing: Int
        var waiting: CheckedContinuation<[Value], Never>?
    }

    private let state: Lock<State>

    /// Starts the work and returns at once.
    ///
    /// - Parameters:
    ///   - count: How many pieces of work.
    ///   - threads: How many run at once.
    ///   - body: Does one piece; may block.
    init(_ count: Int, threads: Int, body: @escaping @Sendable (Int) -> Value) {
        state = Lock(State(values: Array(repeating: nil, count: count), missing: count))
        for _ in 0..<min(threads, count) {
            let thread = Thread { [self] in
                while let index = self.nextIndex(of: count) {
                    self.finish(index, body(index))
                }
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Waits for all results; call it once.
    ///
    /// - Returns: One value per index, in order.
    func values() async -> [Value] {
        await withCheckedContinuation { continuation in
            let done = state.withLock { state -> [Value]? in
                guard state.missing == 0 else {
                    state.waiting = continuation
                    return nil
                }
                return state.values.compactMap { $0 }
            }
            if let done {
                continuation.resume(returning: done)
            }
        }
    }

    /// Does the work and waits for it.
    static func map(_ count: Int, threads: Int, body: @escaping @Sendable (Int) -> Value) async -> [Value] {
        await BlockingWork(count, threads: threads, body: body).values()
    }

    private func nextIndex(of count: Int) -> Int? {
        state.withLock { state in
            guard state.next < count else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    private func finish(_ index: Int, _ value: Value) {
        let finished = state.withLock { state -> (CheckedContinuation<[Value], Never>, [Value])? in
            state.values[index] = value
            state.missing -= 1
            guard state.missing == 0, let waiting = state.waiting else { return nil }
            state.waiting = nil
            return (waiting, state.values.compactMap { $0 })
        }
        if let (waiting, values) = finished {
            waiting.resume(returning: values)
        }
    }
}
