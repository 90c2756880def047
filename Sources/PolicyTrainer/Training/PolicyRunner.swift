import Foundation
import Imaging
import Shared

/// The policy as training uses it: everything about one family of models behind five calls.
///
/// Work is cut into shards of a fixed size that run side by side; results are put together in the order of
/// the shards, so that they do not depend on the number of threads.
struct PolicyRunner: Sendable {
    /// What the model sees of one dataset row.
    typealias Conditioning = EditConditioning
    /// A latent between noise and picture.
    typealias Item = PolicyItem

    /// The model.
    let policy: any EditingPolicy
    /// Side of the images in pixels.
    let resolution: Int
    /// How many items one thread computes at once.
    let shardSize: Int
    /// Whether shards share the compute threads; a large model has all of them for the products of one shard.
    let isSideBySide: Bool
    private let grid: TokenGrid
    private let guidance: Float
    /// Tokens that a text is padded to; nil for the policy's own number.
    let textLength: Int?

    /// Loads a policy.
    ///
    /// - Parameters:
    ///   - folder: A diffusers folder of any family.
    ///   - configuration: Resolution, guidance, text length and shard size of the run.
    ///   - weights: How base weights are kept; as the configuration says when nil.
    ///   - isSideBySide: Whether shards share the compute threads.
    /// - Throws: `PolicyError` or `WeightError` that names the file; ``ConfigurationError`` for a resolution
    ///   that does not fit the model.
    init(
        folder: String,
        configuration: TrainerConfiguration,
        weights: BaseWeightOptions? = nil,
        isSideBySide: Bool = true
    ) throws {
        self.isSideBySide = isSideBySide
        policy = try PolicyFamily.load(
            folder: folder,
            weights: weights ?? configuration.baseWeightOptions
        )
        resolution = configuration.resolution
        shardSize = configuration.shardSize
        guidance = Float(configuration.rollout.guidance)
        textLength = configuration.maxSequenceLength == 0 ? nil : configuration.maxSequenceLength
        grid = try policy.grid(width: resolution, height: resolution)
    }

    /// Shape of the packed latent of one picture, `[targetTokens, channels]`.
    var latentShape: [Int] { [grid.rows * grid.columns, policy.channels] }

    /// The noise levels of a run of the solver, from 1 down to 0.
    ///
    /// - Parameter steps: Solver steps.
    /// - Returns: `steps` + 1 levels.
    /// - Throws: `PolicyError` for an absurd number of steps.
    func sigmas(steps: Int) throws -> [Float] {
        try policy.schedule(steps: steps, grid: grid).sigmas
    }

    /// Noise of one candidate, as the solver's initial state.
    func noise(_ seeds: SeedTree) -> Tensor {
        policy.noise(grid: grid, seeds: seeds)
    }

    /// Encodes rows.
    ///
    /// - Parameter rows: Instructions and source images of the run's resolution.
    /// - Returns: One conditioning per row, in order.
    /// - Throws: `PolicyError` for an image that does not fit the model.
    func conditioning(of rows: [(instruction: String, image: PixelImage)]) throws -> [Conditioning] {
        try inShards(rows, size: 1) { rows in
            try rows.map { row in
                try policy.conditioning(
                    row.instruction,
                    pictures: [row.image],
                    target: grid,
                    guided: false,
                    maximumLength: textLength
                )
            }
        }
    }

    /// Draws pictures' latents from noise.
    ///
    /// - Parameters:
    ///   - items: What to see, and the noise.
    ///   - adapter: The adapter; nil for the base model.
    ///   - steps: Solver steps.
    ///   - solver: The solver.
    /// - Returns: One packed latent per item, `[targetTokens, channels]`, in order.
    /// - Throws: `PolicyError` for latents that are not finite; `CancellationError`.
    func sample(
        _ items: [(conditioning: Conditioning, noise: Tensor)],
        adapter: LoRAAdapter?,
        steps: Int,
        solver: SolverKind
    ) throws -> [Tensor] {
        let requests = items.map { SampleRequest(conditioning: $0.conditioning, noise: $0.noise) }
        return try inShards(requests, size: shardSize) { shard in
            try policy.sample(
                Array(shard),
                grid: grid,
                steps: steps,
                solver: solver,
                guidance: guidance,
                adapter: adapter
            )
        }
    }

    /// Decodes latents to pictures.
    func decode(_ latents: [Tensor]) throws -> [PixelImage] {
        try inShards(latents, size: 4) { policy.decode(Array($0), grid: grid) }
    }

    /// Predicts the velocities of several adapters as one batch, and carries a loss's gradient back to the first.
    ///
    /// - Parameters:
    ///   - items: One shard of items.
    ///   - trained: The adapter that gets gradients.
    ///   - others: Adapters whose predictions the loss needs besides; nil for the base model.
    ///   - checkpointing: How many blocks are computed again together in the backward pass; 0 keeps all insides.
    ///   - gradient: Gets the velocities of the trained adapter, then those of the others, each
    ///     `[items, targetTokens, channels]`; gives the loss's gradient in the first.
    /// - Returns: Gradients of the trained adapter's matrices.
    func backward(
        _ items: ArraySlice<Item>,
        trained: LoRAAdapter,
        others: [LoRAAdapter?] = [],
        checkpointing: Int,
        gradient: (_ trained: Tensor, _ others: [Tensor]) -> Tensor
    ) -> Gradients {
        let adapters = BatchAdapters(runs: [trained] + others)
        let tape = Tape(runs: adapters.runs.count)
        let velocity = policy.velocity(
            Array(items),
            grid: grid,
            guidance: guidance,
            adapters: adapters,
            tape: tape,
            checkpointing: checkpointing
        )
        let velocities = adapters.runs.indices.map { velocity.value.run($0, of: tape.runs) }
        return tape.backward(from: velocity, gradient: gradient(velocities[0], Array(velocities.dropFirst())))
    }

    private func inShards<Input: Sendable, Output: Sendable>(
        _ inputs: [Input],
        size: Int,
        _ body: @Sendable (ArraySlice<Input>) throws -> [Output]
    ) throws -> [Output] {
        let shards = Shards(count: inputs.count, size: size, isSideBySide: isSideBySide)
        return try shards.map { try body(inputs[$0]) }.flatMap { $0 }
    }
}
