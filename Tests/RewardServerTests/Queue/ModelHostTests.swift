import Foundation
import Imaging
import Shared
import Testing

@testable import RewardServer

@Suite struct ModelHostTests {
    /// Writes down which groups came together; waits until it may go on.
    private final class Recorder: Judge {
        let passes = Lock<[[UInt8]]>([])
        let gate = DispatchSemaphore(value: 0)
        let failing: UInt8?

        init(failing: UInt8? = nil) {
            self.failing = failing
        }

        var identity: JudgeIdentity { StubJudge().identity }

        func tokens(of text: String) -> [Int] { StubJudge().tokens(of: text) }

        func text(ofToken token: Int) -> String { StubJudge().text(ofToken: token) }

        func prepare(_ question: JudgeQuestion) throws -> any PreparedQuestion {
            PlainQuestion(question: question)
        }

        func answers(
            to questions: [any PreparedQuestion],
            isCancelled: () -> Bool
        ) throws -> [JudgeReply] {
            let names = PlainQuestion.questions(questions).map { $0.candidates[0].pixels[0] }
            passes.withLock { $0.append(names) }
            gate.wait()
            if isCancelled() { throw CancellationError() }
            if let failing, names.contains(failing) { throw StubFailure() }
            return try StubJudge().answers(to: questions, isCancelled: isCancelled)
        }
    }

    private struct StubFailure: Error {}

    private func prepared(_ level: UInt8, count: Int, _ model: ServedModel) throws -> Scorer.PreparedGroup {
        let request = try Fixtures.flatGroup(Array(repeating: level, count: count))
        let group = try ScoreGroup(request, rubrics: model.rubrics, maximumEdits: 64)
        return try model.scorer.prepare(model.scorer.decode(group))
    }

    /// Sends groups one after another, the first of which keeps the model busy until all wait.
    private func run(
        _ judge: Recorder,
        counts: [Int],
        rowsOfPass: Int,
        deadline: (Int) -> Duration? = { _ in nil }
    ) async throws -> [Result<ModelHost.Scored, any Error>] {
        let model = try Fixtures.model(judge)
        let host = ModelHost(rowsOfPass: rowsOfPass)
        var calls: [Task<ModelHost.Scored, any Error>] = []
        for (index, count) in counts.enumerated() {
            let group = try prepared(UInt8(index), count: count, model)
            let end = deadline(index).map { ContinuousClock.now + $0 }
            calls.append(
                Task { try await host.score(group, scorer: model.scorer, asked: .now, deadline: end) }
            )
            // The order of calls is the order of tasks only when they start one by one.
            if index == 0 {
                while judge.passes.withLock(\.isEmpty) { try await Task.sleep(for: .milliseconds(1)) }
            } else {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        for _ in 0..<2 * counts.count { judge.gate.signal() }
        var results: [Result<ModelHost.Scored, any Error>] = []
        for call in calls {
            results.append(await call.result)
        }
        return results
    }

    @Test("waiting groups share passes in the order of their calls, as many as fit")
    func packing() async throws {
        let judge = Recorder()
        // A candidate of the stub takes ten rows.
        let results = try await run(judge, counts: [1, 2, 1, 3, 9, 1, 1], rowsOfPass: 60)
        #expect(judge.passes.withLock { $0 } == [[0], [1, 2, 3], [4], [5, 6]])
        let scored = try results.map { try $0.get() }
        #expect(scored.map(\.groupCount) == [1, 3, 3, 3, 1, 2, 2])
        #expect(scored.map(\.response.scores.count) == [1, 2, 1, 3, 9, 1, 1])
        for (index, one) in scored.enumerated() {
            let expected = try Fixtures.score(
                Fixtures.flatGroup(Array(repeating: UInt8(index), count: one.response.scores.count)),
                Fixtures.model()
            )
            #expect(one.response.scores == expected.scores)
        }
        // Shares go by candidates and add up to the pass.
        #expect(scored[3].share == scored[2].share * 3)
    }

    @Test("without room for two, every group has a pass of its own")
    func noPacking() async throws {
        let judge = Recorder()
        let results = try await run(judge, counts: [1, 1, 1], rowsOfPass: 0)
        #expect(judge.passes.withLock { $0 } == [[0], [1], [2]])
        #expect(try results.map { try $0.get().groupCount } == [1, 1, 1])
    }

    @Test("a group that fails the pass does not fail the others")
    func isolation() async throws {
        let judge = Recorder(failing: 2)
        let results = try await run(judge, counts: [1, 1, 1, 1], rowsOfPass: 60)
        #expect(judge.passes.withLock { $0 } == [[0], [1, 2, 3], [1], [2], [3]])
        #expect(results.map { (try? $0.get()) != nil } == [true, true, false, true])
        #expect(throws: StubFailure.self) { try results[2].get() }
    }

    @Test("a deadline that passes while waiting or in a pass ends that group only")
    func deadlines() async throws {
        let judge = Recorder()
        let results = try await run(judge, counts: [1, 1, 1], rowsOfPass: 60) {
            $0 == 1 ? .milliseconds(1) : nil
        }
        #expect(judge.passes.withLock { $0 } == [[0], [2]])
        #expect(throws: CancellationError.self) { try results[1].get() }
        #expect((try? results[2].get()) != nil)
    }
}
