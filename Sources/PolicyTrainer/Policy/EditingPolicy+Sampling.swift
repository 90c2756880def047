import Imaging
import Shared

extension EditingPolicy {
    /// Numbers of a packed token.
    var channels: Int { imageConditioner.channels }

    /// The pictures of packed latents.
    ///
    /// - Parameters:
    ///   - packed: `[tokens, channels]` per picture.
    ///   - grid: How the tokens stand.
    /// - Returns: 8-bit pictures; a picture has the same bits in any company.
    func decode(_ packed: [Tensor], grid: TokenGrid) -> [PixelImage] {
        imageConditioner.decode(packed, grid: grid)
    }

    /// The grid of tokens of a picture.
    ///
    /// - Parameters:
    ///   - width: Pixels.
    ///   - height: Pixels.
    /// - Returns: Rows and columns of tokens.
    /// - Throws: ``PolicyError/size(width:height:multiple:)`` unless both are positive multiples of the token's side.
    func grid(width: Int, height: Int) throws -> TokenGrid {
        let side = imageConditioner.tokenSide
        guard width > 0, height > 0, width % side == 0, height % side == 0 else {
            throw PolicyError.size(width: width, height: height, multiple: side)
        }
        return TokenGrid(rows: height / side, columns: width / side)
    }

    /// The noise levels of a run.
    ///
    /// - Parameters:
    ///   - steps: How many steps, at least 1.
    ///   - grid: The picture to make.
    /// - Returns: Falling levels, one more than there are steps.
    /// - Throws: ``PolicyError/setting(name:value:reason:)``.
    func schedule(steps: Int, grid: TokenGrid) throws -> FlowSchedule {
        guard (1...1_000).contains(steps) else {
            throw PolicyError.setting(name: "steps", value: "\(steps)", reason: "it must be 1 to 1000")
        }
        return FlowSchedule(scheduleConfiguration, steps: steps, targetTokens: grid.rows * grid.columns)
    }

    /// Samples one batch.
    ///
    /// The same batch gives the same bits. In a batch of another size a candidate differs by rounding (measured: below
    /// 1e-5 of the largest number), since the matrix products of the transformer round by their row count.
    ///
    /// - Parameters:
    ///   - requests: The candidates, with texts of one length.
    ///   - grid: Grid of target and reference.
    ///   - steps: Solver steps.
    ///   - solver: Which solver.
    ///   - guidance: Guidance for a transformer that takes it; ``defaultGuidance`` when nil.
    ///   - adapter: LoRA weights to add; nil for the base model.
    ///   - progress: Called after each step with the count of steps done.
    /// - Returns: Final packed latents, one `[tokens, channels]` per request, in order.
    /// - Throws: ``PolicyError`` for shapes and settings, and for latents that are not finite; `CancellationError`.
    func sample(
        _ requests: [SampleRequest],
        grid: TokenGrid,
        steps: Int,
        solver: SolverKind,
        guidance: Float? = nil,
        adapter: LoRAAdapter? = nil,
        progress: (Int) -> Void = { _ in }
    ) throws -> [Tensor] {
        let rollout = Rollout(schedule: try schedule(steps: steps, grid: grid), solver: solver)
        return try sample(requests, grid: grid, guidance: guidance, adapter: adapter) { noise, velocity in
            try rollout.run(from: noise, progress: progress, velocity: velocity)
        }
    }

    /// Samples one batch with fresh noise at every step.
    ///
    /// - Parameters:
    ///   - requests: The candidates, with texts of one length.
    ///   - seeds: A random stream per candidate.
    ///   - grid: Grid of target and reference.
    ///   - steps: Solver steps.
    ///   - solver: Which solver.
    ///   - guidance: Guidance for a transformer that takes it; ``defaultGuidance`` when nil.
    ///   - adapter: LoRA weights to add; nil for the base model.
    ///   - progress: Called after each step with the count of steps done.
    /// - Returns: Final packed latents, one `[tokens, channels]` per request, in order.
    /// - Throws: ``PolicyError`` for shapes and settings, and for latents that are not finite; `CancellationError`.
    func sample(
        _ requests: [SampleRequest],
        seeds: [SeedTree],
        grid: TokenGrid,
        steps: Int,
        solver: any StochasticSolver,
        guidance: Float? = nil,
        adapter: LoRAAdapter? = nil,
        progress: (Int) -> Void = { _ in }
    ) throws -> [Tensor] {
        let rollout = StochasticRollout(schedule: try schedule(steps: steps, grid: grid), solver: solver)
        return try sample(requests, grid: grid, guidance: guidance, adapter: adapter) { noise, velocity in
            try rollout.run(from: noise, seeds: seeds, progress: progress, velocity: velocity).state
        }
    }

    /// Runs a loop over a batch; `loop` leads the batch's noise to its final state with the velocities that it is given.
    private func sample(
        _ requests: [SampleRequest],
        grid: TokenGrid,
        guidance: Float?,
        adapter: LoRAAdapter?,
        loop: (_ noise: Tensor, _ velocity: (Tensor, Float) throws -> Tensor) throws -> Tensor
    ) throws -> [Tensor] {
        guard !requests.isEmpty else { return [] }
        let shape = [grid.count, channels]
        for request in requests {
            let references = request.conditioning.references
            for (tensor, expected) in [(request.noise, shape)]
                + references.map({ ($0.tokens, [$0.grid.count, channels]) })
            where tensor.shape != expected {
                throw PolicyError.latentShape(expected: expected, found: tensor.shape)
            }
        }
        let (batch, tokens) = (requests.count, grid.count)
        func latent(_ index: Int, of state: Tensor) -> Tensor {
            state.rows((index * tokens)..<((index + 1) * tokens))
        }
        let noise = Tensor.stacking(requests.map(\.noise))
        let result = try loop(noise) { state, sigma in
            let items = requests.enumerated().map { index, request in
                PolicyItem(
                    conditioning: request.conditioning,
                    latent: latent(index, of: state),
                    sigma: sigma
                )
            }
            return velocity(items, grid: grid, guidance: guidance ?? defaultGuidance, adapter: adapter)
        }
        guard result.isFinite else {
            throw PolicyError.mismatch(folder: folder, reason: "sampling gave latents that are not finite")
        }
        return (0..<batch).map { latent($0, of: result) }
    }

    /// Standard normal noise of one candidate.
    ///
    /// - Parameters:
    ///   - grid: The picture to make.
    ///   - seeds: The random stream to use.
    /// - Returns: `[tokens, channels]`.
    func noise(grid: TokenGrid, seeds: SeedTree) -> Tensor {
        let tokens = grid.rows * grid.columns
        var generator = seeds.generator
        return Tensor(generator.normals(count: tokens * channels), shape: [tokens, channels])
    }
}
