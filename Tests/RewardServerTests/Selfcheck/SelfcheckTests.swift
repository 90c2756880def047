import Foundation
import Imaging
import Shared
import Testing

@testable import RewardServer

@Suite struct SelfcheckTests {
    /// Answers by chance, the same for the same question.
    private struct RandomJudge: Judge {
        let seed: UInt64
        var identity: JudgeIdentity { StubJudge().identity }

        func tokens(of text: String) -> [Int] { StubJudge().tokens(of: text) }

        func text(ofToken token: Int) -> String { StubJudge().text(ofToken: token) }

        func prepare(_ question: JudgeQuestion) throws -> any PreparedQuestion {
            PlainQuestion(question: question)
        }

        func answers(to questions: [any PreparedQuestion], isCancelled: () -> Bool) -> [JudgeReply] {
            PlainQuestion.questions(questions).map(reply)
        }

        private func reply(to question: JudgeQuestion) -> JudgeReply {
            JudgeReply(
                answers: question.candidates.map { candidate in
                    let key = ContentHash(
                        question.source.pixels + candidate.pixels + Array(question.text.utf8)
                    )
                    var generator = SeedTree(seed: seed)[key.hexadecimal].generator
                    return .success(StubJudge.answer(favouring: generator.nextInt(6)))
                }
            )
        }
    }

    private func report(_ judge: any Judge, scenes: Int = 12, side: Int = 48) throws -> SelfcheckReport {
        let model = try Fixtures.model(judge)
        return try Selfcheck(
            model: model,
            rubric: model.rubrics.standard,
            sceneCount: scenes,
            picture: SelfcheckPicture(side: side)
        ).run()
    }

    @Test("judges that answer by chance fail", arguments: 0..<20)
    func chance(_ seed: Int) throws {
        let report = try report(RandomJudge(seed: UInt64(seed)))
        #expect(!report.passes)
        #expect(report.isRepeatable)
        #expect(report.lines.last?.contains("cannot tell") == true)
    }

    @Test("a judge that always says the same fails every line")
    func constant() throws {
        let report = try report(StubJudge(answer: { _ in .success(StubJudge.answer(favouring: 4)) }))
        #expect(report.moves.allSatisfy { !$0.passes })
        #expect(report.moves.allSatisfy { abs($0.mean) < 1e-12 })
    }

    @Test("a judge that looks only for black passes that line and fails as a whole")
    func black() throws {
        let report = try report(
            StubJudge(answer: { image in
                .success(StubJudge.answer(favouring: image.pixels.allSatisfy { $0 == 0 } ? 0 : 5))
            })
        )
        #expect(report.moves.filter(\.passes).map(\.check) == [.black])
        #expect(!report.passes)
    }

    @Test("a judge whose answers change from time to time is found out")
    func unstable() throws {
        let count = Lock(0)
        let report = try report(
            StubJudge(answer: { _ in
                let turn = count.withLock { count in
                    count += 1
                    return count
                }
                return .success(StubJudge.answer(favouring: turn % 6))
            })
        )
        #expect(!report.isRepeatable)
        #expect(!report.passes)
    }

    @Test("a failed score ends the check")
    func failure() {
        let failure = ScoreFailure(type: "model_error", message: "no")
        #expect(throws: failure) { try report(StubJudge(answer: { _ in .failure(failure) })) }
    }

    @Test("the embedded judge passes every line, on small and on large pictures", arguments: [48, 384])
    func embedded(_ side: Int) throws {
        let model = try ModelLoading().load()
        let report = try Selfcheck(
            model: model,
            rubric: model.rubrics.standard,
            sceneCount: 12,
            picture: SelfcheckPicture(side: side)
        ).run()
        for move in report.moves {
            #expect(move.passes, "\(move.check): \(move.mean) ± \(move.standardError)")
        }
        #expect(report.passes)
    }

    @Test("an edit changes what its instruction names, and every drawn scene is unambiguous")
    func scenes() {
        for index in 0..<200 {
            var generator = SeedTree(seed: 3)["scene", index].generator
            let scene = SelfcheckScene(&generator)
            #expect(Set(scene.objects.map(\.words)).count == scene.objects.count)
            #expect(Set(scene.objects.map(\.cell)).count == scene.objects.count)
            for operation in SelfcheckScene.Operation.allCases {
                let edit = scene.edit(operation, &generator)
                #expect(edit.target != scene)
                #expect(edit.instruction.split(separator: " ").count <= 9)
                #expect(Set(edit.target.objects.map(\.words)).count == edit.target.objects.count)
                let change = edit.target.objects.count - scene.objects.count
                #expect(change == (operation == .add ? 1 : operation == .remove ? -1 : 0))
            }
        }
    }

    @Test("a picture shows its objects in their cells, at any size", arguments: [48, 96, 384])
    func picture(_ side: Int) {
        var generator = SeedTree(seed: 1).generator
        var scene = SelfcheckScene(&generator)
        scene.background = .black
        scene.objects = [SelfcheckScene.Object(color: .red, shape: .circle, cell: 5)]
        let image = SelfcheckPicture(side: side).image(of: scene)
        func pixel(_ x: Int, _ y: Int) -> [UInt8] {
            let start = (y * side / 48 * side + x * side / 48) * 3
            return Array(image.pixels[start..<start + 3])
        }
        #expect(pixel(40, 24) == [219, 41, 41])
        #expect(pixel(24, 24) == [38, 38, 46])
        #expect(pixel(40, 40) == [38, 38, 46])
    }

}
