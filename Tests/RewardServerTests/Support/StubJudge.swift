import Foundation
import Imaging
import Shared

@testable import RewardServer

/// A question for judges that need no preparation; a candidate takes ten rows.
struct PlainQuestion: PreparedQuestion {
    let question: JudgeQuestion

    var rowCount: Int { 10 * question.candidates.count }

    static func questions(_ prepared: [any PreparedQuestion]) -> [JudgeQuestion] {
        prepared.compactMap { ($0 as? PlainQuestion)?.question }
    }
}

/// A judge that answers as a test says; its tokens are the bytes of the text.
struct StubJudge: Judge {
    var identity = JudgeIdentity(
        name: "stub",
        family: "stub",
        parameterCount: 1,
        fingerprint: ContentHash("stub").description,
        preprocessHash: ContentHash("none").description
    )
    /// The answer to one candidate.
    var answer: @Sendable (PixelImage) -> Result<JudgeAnswer, ScoreFailure> = { image in
        .success(StubJudge.answer(favouring: Int(image.pixels[0]) % 6))
    }
    /// How long one candidate takes; cancellation is looked for every few milliseconds.
    var delay = Duration.zero

    func tokens(of text: String) -> [Int] { text.utf8.map(Int.init) }

    func text(ofToken token: Int) -> String { String(decoding: [UInt8(token)], as: UTF8.self) }

    func prepare(_ question: JudgeQuestion) throws -> any PreparedQuestion {
        PlainQuestion(question: question)
    }

    func answers(to questions: [any PreparedQuestion], isCancelled: () -> Bool) throws -> [JudgeReply] {
        try PlainQuestion.questions(questions).map { try reply(to: $0, isCancelled: isCancelled) }
    }

    private func reply(to question: JudgeQuestion, isCancelled: () -> Bool) throws -> JudgeReply {
        var reply = JudgeReply(answers: [])
        for candidate in question.candidates {
            let end = ContinuousClock.now + delay
            while ContinuousClock.now < end {
                if isCancelled() { throw CancellationError() }
                Thread.sleep(forTimeInterval: 0.002)
            }
            reply.answers.append(
                answer(candidate).map { answer in
                    JudgeAnswer(
                        logits: answer.logits,
                        logSumExp: question.wantsLogSumExp ? answer.logSumExp : nil
                    )
                }
            )
            reply.usage.promptTokens += 10
        }
        return reply
    }

    /// Logits of six labels, one of which is likely; the labels hold nearly all probability.
    static func answer(favouring label: Int, mass: Double = 0.99) -> JudgeAnswer {
        let logits = (0..<6).map { Float($0 == label ? 3 : 0) }
        let labels = log(logits.reduce(0.0) { $0 + exp(Double($1)) })
        return JudgeAnswer(logits: logits, logSumExp: Float(labels - log(mass)))
    }
}
