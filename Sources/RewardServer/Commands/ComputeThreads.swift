import Logging
import Shared

/// The one place that decides how many threads compute.
enum ComputeThreads {
    /// Sets the process's compute threads: products and loops use all of them for one group at a time.
    ///
    /// - Parameters:
    ///   - threads: What the user asked for; `nil` takes all cores.
    ///   - logger: Where the decision is noted.
    static func configure(_ threads: Int?, logger: Logger? = nil) {
        let count = threads ?? Parallel.threadCount
        Parallel.configure(threads: count, threadsOfProduct: count)
        logger?.info("computing", metadata: ["threads": "\(count)"])
    }
}
