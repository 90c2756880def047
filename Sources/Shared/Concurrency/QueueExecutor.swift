package import Dispatch

/// A serial executor over a dispatch queue of its own, for actors whose methods compute for a long time.
///
/// An actor on such an executor leaves the cooperative pool's threads to everything that must answer at once. Jobs
/// run one after another, in the order in which they came.
package final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// Makes a queue.
    ///
    /// - Parameters:
    ///   - label: The queue's name in debuggers.
    ///   - qualityOfService: The queue's priority.
    package init(label: String, qualityOfService: DispatchQoS = .default) {
        queue = DispatchQueue(label: label, qos: qualityOfService)
    }

    /// Runs a job after those that came before it.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async {
            unsafe job.runSynchronously(on: executor)
        }
    }
}
