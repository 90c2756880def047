import Shared
import Testing

@testable import RewardServer

@Suite struct PullProgressTests {
    private func text(isTerminal: Bool, _ events: [HubEvent]) throws -> String {
        var text = ""
        let progress = PullProgress(try HubReference("org/judge"), isTerminal: isTerminal) { text += $0 }
        events.forEach(progress.take)
        return text
    }

    @Test("on a terminal a bar grows over itself, at most a few times a second")
    func bar() throws {
        let text = try text(
            isTerminal: true,
            [
                .planned(files: 1, bytes: 4_000_000, present: 2),
                .started(path: "w", size: 4_000_000, resumed: 0),
            ]
                + (1...100).map { .progress(bytes: $0 * 20_000) }
        )
        #expect(text.contains("1 files to fetch (4 MB), 2 are there\n"))
        #expect(text.split(separator: "\r").count <= 4)
        #expect(text.contains("░ 20 kB of 4 MB"))
        #expect(text.hasSuffix("  w"))
    }

    @Test("elsewhere each file is a line, without a bar")
    func lines() throws {
        let text = try text(
            isTerminal: false,
            [
                .resolved(commit: "abc"), .started(path: "w", size: 4_000_000, resumed: 1_500_000),
                .progress(bytes: 2_000_000), .retrying(reason: "cut"), .finished(path: "w"),
            ]
        )
        #expect(
            text == """
                org/judge is commit abc
                w (4 MB, going on at 1.5 MB)
                trying again: cut
                w is complete, its checksum right

                """
        )
    }
}
