import Foundation
import Shared

/// Shows on a terminal's stderr how far the loading of a model is; a small model is there before the first line.
enum LoadingProgress {
    private static let firstLine = Duration.milliseconds(500)
    private static let interval = Duration.milliseconds(200)

    private struct State {
        var nextDrawing: ContinuousClock.Instant
        var hasDrawn = false
    }

    /// Makes a listener of one loading.
    ///
    /// - Parameters:
    ///   - isTerminal: Whether lines can be drawn over; otherwise nothing is shown.
    ///   - start: When the loading began.
    ///   - write: Takes text for stderr.
    /// - Returns: Takes the share that is there, 0 to 1.
    static func make(
        isTerminal: Bool = isatty(STDERR_FILENO) == 1,
        start: ContinuousClock.Instant = .now,
        write: @escaping @Sendable (String) -> Void = { FileHandle.standardError.write(Data($0.utf8)) }
    ) -> @Sendable (Double) -> Void {
        guard isTerminal else { return { _ in } }
        let state = Lock(State(nextDrawing: start + firstLine))
        return { share in
            let now = ContinuousClock.now
            let (draws, clears) = state.withLock { state in
                guard share < 1 else { return (false, state.hasDrawn) }
                guard now >= state.nextDrawing else { return (false, false) }
                state.nextDrawing = now + interval
                state.hasDrawn = true
                return (true, false)
            }
            if draws { write("\r\u{1B}[Kloading the model \(ProgressBar.text(share)) \(Int(100 * share)) %") }
            if clears { write("\r\u{1B}[K") }
        }
    }
}

/// A bar of block characters.
enum ProgressBar {
    private static let width = 24

    /// - Parameter share: 0 to 1.
    /// - Returns: The bar.
    static func text(_ share: Double) -> String {
        let filled = Int(Double(width) * min(1, max(0, share)))
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }
}
