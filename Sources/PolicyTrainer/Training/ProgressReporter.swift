import Foundation

/// Tells people how a run goes: a bar on a terminal, plain lines elsewhere.
struct ProgressReporter: Sendable {
    private let isTerminal: Bool
    private let epochs: Int
    private let start = ContinuousClock.now

    /// Starts reporting on standard error.
    ///
    /// - Parameter epochs: How many epochs the whole run has.
    init(epochs: Int) {
        self.epochs = epochs
        isTerminal = isatty(STDERR_FILENO) == 1
    }

    /// Shows the phase that has begun; only a terminal sees it.
    func phase(_ name: String, epoch: Int) {
        guard isTerminal else { return }
        let width = 24
        let filled = width * epoch / max(1, epochs)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        write("\r\u{1B}[K\(bar) epoch \(epoch + 1)/\(epochs)  \(name) …")
    }

    /// Writes the line of a finished epoch.
    func finished(_ report: EpochReport) {
        let seconds = report.seconds
        let loss = report.steps.reduce(0) { $0 + $1.loss } / Double(max(1, report.steps.count))
        line(
            "epoch \(report.epoch + 1)/\(epochs)  reward \(Text.decimal(report.meanReward))"
                + "  group std \(Text.decimal(report.meanDeviation))"
                + "  kept \(report.keptGroups)/\(report.replies.count)"
                + (report.missingGroups > 0 ? " (missing \(report.missingGroups))" : "")
                + "  loss \(Text.decimal(loss))"
                + "  grad \(Text.decimal(report.gradientNorms.max() ?? 0))"
                + "  rollout \(Text.decimal(seconds.rollout, 1)) s"
                + "  scoring \(Text.decimal(seconds.scoring, 1)) s"
                + "  training \(Text.decimal(seconds.training, 1)) s"
                + "  elapsed \(Text.decimal(start.duration(to: .now) / .seconds(1), 0)) s"
        )
    }

    /// Writes a line of its own.
    func line(_ text: String) {
        write(isTerminal ? "\r\u{1B}[K\(text)\n" : "\(text)\n")
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
