import Foundation
import Shared

/// Replies as a judge writes them.
enum JudgeReplies {
    /// A reply with the given outcomes.
    static func body(_ outcomes: [ScoreOutcome]) -> Data {
        let response = EditScoresResponse(
            id: "es_1",
            created: 0,
            model: "test",
            modelFingerprint: "sha256:judge",
            rubric: RubricIdentity(name: "edit-r1", hash: "sha256:rubric"),
            preprocessHash: "sha256:preprocess",
            scores: outcomes.enumerated().map {
                EditScoreItem(id: String($0.offset), index: $0.offset, outcome: $0.element)
            },
            usage: ScoreUsage(
                promptTokens: 0,
                cachedTokens: 0,
                imageTokens: 0,
                imagesEncoded: 0,
                imagesCached: 0
            ),
            timings: ScoreTimings(queue: 0, decode: 0, vision: 0, prefill: 0, head: 0, total: 0)
        )
        return (try? JSONEncoder().encode(response)) ?? Data()
    }

    /// A reply with the given scores.
    static func body(scores: [Double]) -> Data {
        body(scores.map { .score(score($0)) })
    }

    /// A score with nothing else of interest.
    static func score(_ value: Double) -> EditScore {
        EditScore(
            score: value,
            raw: 5 * value,
            probabilities: ["0": 1 - value, "5": value],
            argmax: value > 0.5 ? "5" : "0",
            entropy: 0,
            normalizedEntropy: 0,
            standardDeviation: 0,
            mass: 1
        )
    }
}
