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
    private let grid: TokenGrid
    private let guidance: Float
    private let textLength: Int?

    /// Loads a policy.
    ///
    /// - Parameters:
    ///   - folder: A diffusers folder of any family.
    ///   - configuration: Resolution, guidance, text length and shard size of the run.
    /// - Throws: `PolicyError` or `WeightError` that names the file; ``ConfigurationError`` for a resolution
    ///   that does not fit the model.
    init(folder: String, configuration: TrainerConfiguration) throws {
        policy = try PolicyFamily.load(
            folder: folder,
            weights: BaseWeightOptions(format: configuration.baseWeights)
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

    /// Predicts velocities without recording anything.
    ///
    /// - Parameters:
    ///   - items: One shard of items.
    ///   - adapter: The adapter; nil for the base model.
    /// - Returns: `[items, targetTokens, channels]`.
    func velocity(_ items: ArraySlice<Item>, adapter: LoRAAdapter?) -> Tensor {
        policy.velocity(Array(items), grid: grid, guidance: guidance, adapter: adapter)
    }

    /// Predicts velocities and carries a loss's gradient back to the adapter.
    ///
    /// - Parameters:
    ///   - items: One shard of items.
    ///   - adapter: The trained adapter.
    ///   - checkpointing: Whether blocks are computed again instead of kept.
    ///   - gradient: Gets the velocities `[items, targetTokens, channels]`, gives the loss's gradient in
    ///     them.
    /// - Returns: Gradients of the adapter's matrices.
    func backward(
        _ items: ArraySlice<Item>,
        adapter: LoRAAdapter,
        checkpointing: Bool,
        gradient: (Tensor) -> Tensor
    ) -> Gradients {
        let tape = Tape()
        let velocity = policy.velocity(
            Array(items),
            grid: grid,
            guidance: guidance,
            adapter: adapter,
            tape: tape,
            checkpointing: checkpointing
        )
        return tape.backward(from: velocity, gradient: gradient(velocity.value))
    }

    private func inShards<Input: Sendable, Output: Sendable>(
        _ inputs: [Input],
        size: Int,
        _ body: @Sendable (ArraySlice<Input>) throws -> [Output]
    ) throws -> [Output] {
        let shards = Shards(count: inputs.count, size: size)
        return try shards.map { try body(inputs[$0]) }.flatMap { $0 }
    }
}
