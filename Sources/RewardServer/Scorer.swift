import Foundation
import Imaging
import Shared

/// The whole way from a group to its reply; HTTP and shell walk it alike.
///
/// It has two steps, so that a server can decode one group while its model works on another.
struct Scorer: Sendable {
    /// The model.
    let judge: any Judge

    /// A group whose images are pixels and whose labels are token ids.
    struct DecodedGroup: Sendable {
        fileprivate let source: PixelImage
        fileprivate let candidates: [(id: String, image: Result<PixelImage, ScoreFailure>)]
        fileprivate let text: String
        fileprivate let rubric: ResolvedRubric
        fileprivate let options: ScoreOptions
        fileprivate let decoding: Duration
    }

    /// Bytes → pixels, labels → token ids, texts → prompt text.
    ///
    /// - Parameter group: The group.
    /// - Returns: The group; candidates that cannot be decoded are failures in their places.
    /// - Throws: ``RubricError`` for a label that is not one token; ``RequestError/sourceImage(_:)``.
    func decode(_ group: ScoreGroup) throws -> DecodedGroup {
        let start = ContinuousClock.now
        return DecodedGroup(
            source: try Self.pixels(of: group.source).mapError { RequestError.sourceImage($0) }.get(),
            candidates: group.candidates.map { ($0.id, $0.file.flatMap(Self.pixels)) },
            text: group.rubric.template.filled(
                instruction: group.instruction,
                requirement: group.requirement
            ),
            rubric: try ResolvedRubric(group.rubric, vocabulary: judge),
            options: group.options,
            decoding: ContinuousClock.now - start
        )
    }

    /// Pixels → logits → distributions → scores.
    ///
    /// - Parameters:
    ///   - group: The group.
    ///   - queued: How long it waited for the model.
    ///   - isCancelled: Asked between steps.
    /// - Returns: One item for each candidate, in order; a score does not depend on its neighbours.
    /// - Throws: What the runtime throws; a `CancellationError`.
    func score(
        _ group: DecodedGroup,
        queued: Duration = .zero,
        isCancelled: () -> Bool = { false }
    ) throws -> EditScoresResponse {
        let start = ContinuousClock.now
        let question = JudgeQuestion(
            source: group.source,
            candidates: group.candidates.compactMap { try? $0.image.get() },
            text: group.text,
            order: group.rubric.rubric.order,
            tokens: group.rubric.flatTokens
        )
        let reply =
            question.candidates.isEmpty
            ? JudgeReply(answers: []) : try judge.answers(to: question, isCancelled: isCancelled)
        var answers = reply.answers[...]
        let items = group.candidates.enumerated().map { index, candidate in
            let outcome: ScoreOutcome =
                switch candidate.image.flatMap({ _ in answers.removeFirst() }) {
                case .success(let answer):
                    ExpectedScoreMode.outcome(of: answer, rubric: group.rubric, options: group.options)
                case .failure(let failure):
                    .failure(failure)
                }
            return EditScoreItem(id: candidate.id, index: index, outcome: outcome)
        }
        return EditScoresResponse(
            id: "es_" + UUID().uuidString.lowercased().filter { $0 != "-" },
            created: Int(Date.now.timeIntervalSince1970),
            model: judge.identity.name,
            modelFingerprint: judge.identity.fingerprint,
            rubric: group.rubric.rubric.identity,
            preprocessHash: judge.identity.preprocessHash,
            scores: items,
            usage: reply.usage,
            timings: ScoreTimings(
                queue: queued.milliseconds,
                decode: group.decoding.milliseconds,
                vision: reply.vision.milliseconds,
                prefill: reply.prefill.milliseconds,
                head: reply.head.milliseconds,
                total: (group.decoding + queued + (ContinuousClock.now - start)).milliseconds
            )
        )
    }

    private static func pixels(of file: ScoreGroup.ImageFile) -> Result<PixelImage, ScoreFailure> {
        do {
            return .success(try ImageDecoder.decode(file.bytes, name: file.name))
        } catch let error as DecodeError {
            return .failure(ScoreFailure(error))
        } catch {
            return .failure(ScoreFailure(preparing: error, name: file.name))
        }
    }
}

extension Duration {
    /// Milliseconds, to a microsecond.
    var milliseconds: Double {
        Double(components.seconds) * 1_000 + (Double(components.attoseconds) / 1e12).rounded() / 1_000
    }
}
