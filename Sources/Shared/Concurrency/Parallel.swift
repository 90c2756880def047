import Dispatch
import Foundation

/// Loops spread over the process's compute threads.
///
/// One level of parallelism at a time: a loop inside a loop runs on the thread it is on.
package enum Parallel {
    /// How many threads a loop may use; set once at start, see ``configure(threads:)``.
    package static var threadCount: Int {
        state.withLock { $0 }
    }

    private static let state = Lock(max(1, ProcessInfo.processInfo.activeProcessorCount))
    @TaskLocal private static var isInsideLoop = false

    /// Sets the number of compute threads of the process: these loops and the BLAS library's own.
    ///
    /// - Parameters:
    ///   - threads: Threads of a loop, at least 1.
    ///   - threadsOfProduct: Threads inside one matrix product; 1 when loops run products side by side.
    package static func configure(threads: Int, threadsOfProduct: Int) {
        state.withLock { $0 = max(1, threads) }
        GEMM.setThreadCount(max(1, threadsOfProduct))
    }

    /// Runs `body` for every index of `0 ..< count`, in any order, and waits for all of them.
    ///
    /// Indices are dealt in contiguous blocks, one block a thread, so `body` should cost about the same everywhere.
    ///
    /// - Parameters:
    ///   - count: How many indices.
    ///   - body: Work of one index; must not touch what another index writes.
    package static func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        let threads = min(threadCount, count)
        guard threads > 1, !isInsideLoop else {
            for index in 0..<count {
                body(index)
            }
            return
        }
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            $isInsideLoop.withValue(true) {
                for index in (count * thread / threads)..<(count * (thread + 1) / threads) {
                    body(index)
                }
            }
        }
    }
}
