import Foundation
import Shared

/// Tells people on stderr how a download goes: a bar on a terminal, plain lines elsewhere.
final class PullProgress {
    private static let interval = Duration.milliseconds(200)

    private let reference: HubReference
    private let isTerminal: Bool
    private let write: (String) -> Void
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?
    private var total = 0
    private var present = 0
    /// Bytes that were there when the first file began.
    private var leftover: Int?
    private var file = ""

    /// Starts reporting.
    ///
    /// - Parameters:
    ///   - reference: The model.
    ///   - isTerminal: Whether lines can be drawn over.
    ///   - write: Takes text for stderr.
    init(
        _ reference: HubReference,
        isTerminal: Bool = isatty(STDERR_FILENO) == 1,
        write: @escaping (String) -> Void = { FileHandle.standardError.write(Data($0.utf8)) }
    ) {
        self.reference = reference
        self.isTerminal = isTerminal
        self.write = write
    }

    /// Shows what happened.
    func take(_ event: HubEvent) {
        switch event {
        case .resolved(let commit): line("\(reference) is commit \(commit)")
        case .leftOut(let pickles):
            let names = pickles.prefix(3).joined(separator: ", ") + (pickles.count > 3 ? ", …" : "")
            line("leaving out pickle files, since loading one may run any code: \(names)")
        case .planned(let files, let bytes, let present):
            (total, self.present) = (bytes, present)
            line("\(files) files to fetch (\(ByteCount.text(bytes))), \(present) are there")
        case .started(let path, let size, let resumed):
            file = path
            let from = resumed > 0 ? ", going on at \(ByteCount.text(resumed))" : ""
            if !isTerminal || resumed > 0 { line("\(path) (\(ByteCount.text(size))\(from))") }
        case .waiting(let path): line("\(path): waiting for another process that fetches it")
        case .retrying(let reason): line("trying again: \(reason)")
        case .restarted(let path): line("\(path): what an earlier run left is damaged, fetching it anew")
        case .progress(let bytes): draw(bytes)
        case .finished(let path): if !isTerminal { line("\(path) is complete, its checksum right") }
        }
    }

    /// Clears the bar and sums up.
    func end(_ result: HubDownloader.Result) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        line(
            result.fetchedFiles == 0
                ? "nothing to fetch: all \(result.presentFiles) files are there"
                : "fetched \(result.fetchedFiles) files (\(ByteCount.text(total))) in "
                    + "\((seconds * 10).rounded() / 10) s"
        )
    }

    private func line(_ text: String) {
        write(isTerminal ? "\r\u{1B}[K\(text)\n" : "\(text)\n")
        lastDrawn = nil
    }

    private func draw(_ bytes: Int) {
        if leftover == nil { leftover = bytes }
        let now = ContinuousClock.now
        guard isTerminal, total > 0, lastDrawn.map({ $0 + Self.interval <= now }) ?? true else { return }
        lastDrawn = now
        let bar = ProgressBar.text(Double(bytes) / Double(total))
        let seconds = (now - start) / .seconds(1)
        let rate = Double(bytes - (leftover ?? 0)) / max(seconds, 0.001)
        let rest = rate > 0 ? ", \(Self.time(Double(total - bytes) / rate)) left" : ""
        write(
            "\r\u{1B}[K\(bar) \(ByteCount.text(bytes)) of \(ByteCount.text(total)), "
                + "\(ByteCount.text(Int(rate)))/s\(rest)  \(file)"
        )
    }

    private static func time(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 359_999))
        let parts = whole >= 3_600 ? [whole / 3_600, whole / 60 % 60, whole % 60] : [whole / 60, whole % 60]
        return parts.enumerated()
            .map { $0.offset == 0 || $0.element > 9 ? "\($0.element)" : "0\($0.element)" }
            .joined(separator: ":")
    }
}
