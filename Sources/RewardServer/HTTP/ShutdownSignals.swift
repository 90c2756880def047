@unsafe @preconcurrency import Dispatch
import Foundation
import Shared

/// The requests to stop that the process gets.
enum ShutdownSignals {
    /// The first SIGTERM or SIGINT; the second one ends the process at once.
    ///
    /// While somebody listens, the signals no longer end the process by themselves.
    static func first() -> AsyncStream<Int32> {
        AsyncStream { continuation in
            let count = Lock(0)
            let sources = [SIGTERM, SIGINT].map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler {
                    let isRepeated = count.withLock { count in
                        count += 1
                        return count > 1
                    }
                    if isRepeated { _exit(128 + number) }
                    continuation.yield(number)
                }
                source.resume()
                return source
            }
            continuation.onTermination = { _ in
                sources.forEach { $0.cancel() }
            }
        }
    }
}
