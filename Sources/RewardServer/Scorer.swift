import Foundation
import Imaging
import Shared

/// The whole way from a group to its reply; HTTP and shell walk it alike.
///
/// It has three steps, so that a server can decode and prepare some groups while its model works on others, and can
/// give the model several groups at once.
struct Scorer: Sendable {
    /// The model.
    let judge: any Judge
    /// What picture files may ask for.
    var imageLimits = DecodeLimits.standard

    /// A group whose images are pixels and whose labels are token ids.
    struct DecodedGroup: Sendable {
        fileprivate let source: PixelImage
        fileprivate let candidates: [(id: String, image: Result<PixelImage, ScoreFailure>)]
        fileprivate let text: String
        fileprivate let rubric: ResolvedRubric
        fileprivate let options: ScoreOptions
        fileprivate let decoding: Duration
    }

    /// A group that only waits for the model.
    struct PreparedGroup: Sendable {
        fileprivate let candidates: [(id: String, failure: ScoreFailure?)]
        /// The candidates without a failure, in order; nil when there are none.
        fileprivate let question: (any PreparedQuestion)?
        fileprivate let rubric: ResolvedRubric
        fileprivate let options: ScoreOptions
        fileprivate let decoding: Duration

        /// How many candidates it has.
        var candidateCount: Int { candidates.count }
        /// Rows of tokens that go through the model when nothing is cached.
        var rowCount: Int { question?.rowCount ?? 0 }
    }

    /// Bytes → pixels, labels → token ids, texts → prompt text.
    ///
    /// - Parameter group: The group.
    /// - Returns: The group; candidates that cannot be decoded are failures in their places.
    /// - Throws: ``RubricError`` for a label that is not one token; ``RequestError/sourceImage(_:)``.
    func decode(_ group: ScoreGroup) throws -> DecodedGroup {
        let start = ContinuousClock.now
        return DecodedGroup(
            source: try pixels(of: group.source).mapError { RequestError.sourceImage($0) }.get(),
            candidates: group.candidates.map { ($0.id, $0.file.flatMap(pixels)) },
            text: group.rubric.template.filled(
                instruction: group.instruction,
                requirement: group.requirement
            ),
            rubric: try ResolvedRubric(group.rubric, vocabulary: judge),
            options: group.options,
            decoding: ContinuousClock.now - start
        )
    }

    /// Pixels → patches, text → tokens.
    ///
    /// - Parameter group: The group.
    /// - Returns: The group, ready for the model.
    /// - Throws: ``RequestError/sourceImage(_:)`` when the model cannot take the source image.
    func prepare(_ group: DecodedGroup) throws -> PreparedGroup {
        let start = ContinuousClock.now
        let images = group.candidates.compactMap { try? $0.image.get() }
        let question =
            images.isEmpty
            ? nil
            : try judge.prepare(
                JudgeQuestion(
                    source: group.source,
                    candidates: images,
                    text: group.text,
                    order: group.rubric.rubric.order,
                    tokens: group.rubric.flatTokens,
                    wantsLogSumExp: group.options.wantsMass
                )
            )
        return PreparedGroup(
            candidates: group.candidates.map { id, image in
                switch image {
                case .success: (id, nil)
                case .failure(let failure): (id, failure)
                }
            },
            question: question,
            rubric: group.rubric,
            options: group.options,
            decoding: group.decoding + (ContinuousClock.now - start)
        )
    }

    /// Tokens and patches → logits → distributions → scores, of several groups in one forward pass.
    ///
    /// - Parameters:
    ///   - groups: The groups, each with how long it waited for the model.
    ///   - isCancelled: Asked between steps.
    /// - Returns: A reply for each group, with one item for each candidate in order; a score depends neither on its
    ///   neighbours nor on other groups. The times are those of the whole pass.
    /// - Throws: What the runtime throws; a `CancellationError`.
    func score(
        _ groups: [(group: PreparedGroup, queued: Duration)],
        isCancelled: () -> Bool = { false }
    ) throws -> [EditScoresResponse] {
        let start = ContinuousClock.now
        var replies = try judge.answers(to: groups.compactMap(\.group.question), isCancelled: isCancelled)[
            ...
        ]
        let computing = ContinuousClock.now - start
        return groups.map { group, queued in
            let reply = group.question.flatMap { _ in replies.popFirst() } ?? JudgeReply(answers: [])
            return response(to: group, reply, queued: queued, computing: computing)
        }
    }

    /// The whole way of one group.
    ///
    /// - Parameter group: The group.
    /// - Returns: The reply.
    /// - Throws: What the three steps throw.
    func score(_ group: ScoreGroup) throws -> EditScoresResponse {
        try score([(prepare(decode(group)), queued: .zero)])[0]
    }

    private func response(
        to group: PreparedGroup,
        _ reply: JudgeReply,
        queued: Duration,
        computing: Duration
    ) -> EditScoresResponse {
        var answers = reply.answers[...]
        let items = group.candidates.enumerated().map { index, candidate in
            let outcome: ScoreOutcome =
                switch candidate.failure.map(Result.failure) ?? answers.removeFirst() {
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
                total: (group.decoding + queued + computing).milliseconds
            )
        )
    }

    private func pixels(of file: ScoreGroup.ImageFile) -> Result<PixelImage, ScoreFailure> {
        do {
            return .success(try ImageDecoder.decode(file.bytes, name: file.name, limits: imageLimits))
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
