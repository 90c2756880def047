import Foundation
import Imaging
import Shared

/// Edits held-out rows with fixed noise, and asks the judges what they think of it.
///
/// The same row has the same noise in every evaluation, so that two of them differ by the weights alone. The
/// rows of the test split are used in order, without padding.
///
/// Source: PKU-YuanGroup/Edit-R1, `eval_fn` (deterministic solver, averaged weights).
struct Evaluator: Sendable {
    /// One edited row.
    struct Result: Sendable {
        /// The row.
        let example: EditExample
        /// The source image as the policy saw it.
        let source: PixelImage
        /// The policy's picture.
        let edited: PixelImage
        /// The judge's score; nil without a judge or when it gave none.
        var reward: Double?
    }

    /// The rows.
    let examples: [EditExample]
    /// The policy.
    let runner: PolicyRunner
    /// Solver steps.
    let steps: Int
    /// The solver.
    let solver: SolverKind
    /// The noise of the rows.
    let seeds: SeedTree
    private let cache: ConditioningCache

    /// Prepares an evaluation.
    ///
    /// - Parameters:
    ///   - examples: The rows.
    ///   - runner: The policy.
    ///   - steps: Solver steps.
    ///   - solver: The solver.
    ///   - seeds: The noise of the rows.
    init(examples: [EditExample], runner: PolicyRunner, steps: Int, solver: SolverKind, seeds: SeedTree) {
        self.examples = examples
        self.runner = runner
        self.steps = steps
        self.solver = solver
        self.seeds = seeds
        cache = ConditioningCache(examples: examples, runner: runner)
    }

    /// Edits all rows and scores them.
    ///
    /// - Parameters:
    ///   - adapter: The adapter; nil for the base model.
    ///   - client: The judges; nil for none.
    /// - Returns: One result per row, in order.
    /// - Throws: What the policy or the images throw; ``RewardError/refused(url:status:message:)``.
    func run(adapter: LoRAAdapter?, client: ScoreClient?) async throws -> [Result] {
        let entries = try cache.entries(Array(examples.indices))
        let latents = try runner.sample(
            entries.enumerated().map { ($0.element.conditioning, runner.noise(seeds[$0.offset])) },
            adapter: adapter,
            steps: steps,
            solver: solver
        )
        let pictures = try runner.decode(latents)
        var results = zip(examples, zip(entries, pictures)).map {
            Result(example: $0, source: $1.0.source, edited: $1.1, reward: nil)
        }
        guard let client else { return results }
        let replies = try await client.score(
            results.map {
                JudgeRequest(
                    source: $0.source,
                    instruction: $0.example.instruction,
                    requirement: $0.example.requirement,
                    candidates: [$0.edited]
                )
            }
        )
        for (index, reply) in replies.enumerated() {
            if case .complete(let scores) = reply.scores {
                results[index].reward = scores.first
            }
        }
        return results
    }
}
