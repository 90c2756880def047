import Dispatch
import Foundation
import Shared

/// Catches SIGINT and SIGTERM, so that the step under way is finished and saved.
///
/// The second signal ends the process at once, as if nothing caught it.
final class StopSignal: Sendable {
    private let received = Lock<Int32?>(nil)
    private let sources: Lock<[any DispatchSourceSignal]>

    /// Starts catching.
    init() {
        sources = Lock([])
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [received] in
                let isFirst = received.withLock { received in
                    defer { received = number }
                    return received == nil
                }
                if isFirst {
                    let text =
                        "\nfinishing this epoch, then saving; press again to stop at once without saving\n"
                    FileHandle.standardError.write(Data(text.utf8))
                } else {
                    signal(number, SIG_DFL)
                    raise(number)
                }
            }
            source.resume()
            sources.withLock { $0.append(source) }
        }
    }

    /// The exit status that the signal asks for; nil while none came.
    var exitStatus: Int32? {
        received.withLock { $0 }.map { 128 + $0 }
    }
}
