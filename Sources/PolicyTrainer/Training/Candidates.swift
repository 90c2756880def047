import Shared

/// The candidates of one row between rollout and scores.
struct Candidates: Sendable {
    /// The row.
    let row: Int
    /// Clean packed latents, each `[targetTokens, channels]`.
    let latents: [Tensor]
    /// The decoded pictures, as the judges get them.
    let request: JudgeRequest

    /// The group with its rewards; nil when a score is missing.
    func scored(by scores: GroupScores) -> ScoredGroup? {
        switch scores {
        case .complete(let rewards): ScoredGroup(row: row, latents: latents, rewards: rewards)
        case .missing: nil
        }
    }
}
