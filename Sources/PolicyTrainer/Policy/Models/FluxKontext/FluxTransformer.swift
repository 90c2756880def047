import Shared

/// The velocity predictor of FLUX.1-Kontext: a transformer over text, target and reference tokens.
///
/// Immutable; one call runs on the thread it is on, and callers may run shards of a batch side by side.
///
/// Source: `FluxTransformer2DModel` in huggingface/diffusers 0.42.1,
/// `src/diffusers/models/transformers/transformer_flux.py`.
final class FluxTransformer: AdaptableTransformer {
    /// Sizes.
    let configuration: FluxConfiguration
    private let weights: FluxWeights

    /// Loads a `transformer` folder of a diffusers pipeline.
    ///
    /// - Parameters:
    ///   - folder: Holds `config.json` and `diffusion_pytorch_model.safetensors`, or its shards and index.
    ///   - file: One file with the weights, of original or diffusers' names; then the folder's are not read.
    ///   - options: How the weights are kept.
    /// - Throws: ``PolicyError`` for the configuration; `WeightError` that names a missing, surplus or misshapen tensor.
    convenience init(
        folder: String,
        file: String? = nil,
        options: BaseWeightOptions = BaseWeightOptions()
    ) throws {
        let configuration = try FluxConfiguration(path: folder + "/config.json")
        let store: any WeightStore =
            if let file {
                try FluxOriginalFile(path: file, configuration: configuration)
            } else {
                try WeightFolder(folder: folder, stem: "diffusion_pytorch_model")
            }
        try self.init(store: store, configuration: configuration, options: options)
    }

    /// Takes a transformer's weights from anywhere, of diffusers' names.
    init(
        store: any WeightStore,
        configuration: FluxConfiguration,
        options: BaseWeightOptions
    ) throws {
        self.configuration = configuration
        weights = try FluxWeights(folder: store, configuration: configuration, options: options)
    }

    private init(configuration: FluxConfiguration, weights: FluxWeights) {
        self.configuration = configuration
        self.weights = weights
    }

    var linearLayers: [LinearLayer] { weights.linearLayers }
    var transformerClass: TransformerClass { .flux }

    /// A model of its own whose weights hold the adapter's low-rank terms.
    ///
    /// Many forward passes with one adapter are about a sixth cheaper this way; results agree to rounding, and to the
    /// bit while every B is zero.
    func merging(_ adapter: LoRAAdapter) -> FluxTransformer {
        FluxTransformer(configuration: configuration, weights: weights.merging(adapter))
    }

    /// Predicts velocities without recording anything.
    ///
    /// - Parameters:
    ///   - input: A batch.
    ///   - adapter: Low-rank terms; nil for the base model.
    /// - Returns: Noise minus clean latent, `[batch, targetTokens, channels]`.
    func velocity(_ input: FluxInput, adapter: LoRAAdapter?) -> Tensor {
        forward(input, adapters: BatchAdapters(adapter), tape: nil, checkpointing: 0).value
    }

    /// Predicts velocities on a tape, for gradients by the first adapter.
    ///
    /// - Parameters:
    ///   - input: A batch; with several adapters, a run of samples for each.
    ///   - adapters: Low-rank terms, of which the first get gradients.
    ///   - tape: Where to record; it counts as many runs.
    ///   - checkpointing: How many blocks are computed again together in the backward pass; 0 keeps all insides.
    /// - Returns: Noise minus clean latent, `[batch, targetTokens, channels]`.
    func velocity(_ input: FluxInput, adapters: BatchAdapters, tape: Tape, checkpointing: Int) -> Variable {
        forward(input, adapters: adapters, tape: tape, checkpointing: checkpointing)
    }

    private func forward(
        _ input: FluxInput,
        adapters: BatchAdapters,
        tape: Tape?,
        checkpointing: Int
    ) -> Variable {
        input.check(configuration)
        let samples = input.batch
        let context = context(input, adapters)
        let latents = Tensor.joiningTokens(
            input.target.asRows,
            input.reference.asRows,
            samples: samples
        )
        let image = weights.imageEmbedder(Variable(latents), adapters: adapters, tape: tape)
        let text = weights.textEmbedder(Variable(input.text.asRows), adapters: adapters, tape: tape)
        let activated = conditioning(input, adapters, tape).activated(.silu, tape: tape)
        let streams = context.run(
            weights.doubleBlocks,
            [text, image],
            activated: activated,
            checkpointing: checkpointing,
            tape: tape
        ) { block, streams, activated, context, tape in
            block(streams, activated: activated, context: context, tape: tape)
        }
        let joined = context.run(
            weights.singleBlocks,
            [streams[0].followed(by: streams[1], samples: samples, tape: tape)],
            activated: activated,
            checkpointing: checkpointing,
            tape: tape
        ) { block, streams, activated, context, tape in
            [block(streams[0], activated: activated, context: context, tape: tape)]
        }[0]
        let start = context.textTokens
        let target = joined.tokens(start..<(start + input.targetGrid.count), samples: samples, tape: tape)
        // Here the scale comes first, unlike in the blocks.
        let normalized = context.modulation(weights.outputModulation, activated, tape)
            .normalized(target, shift: 1, scale: 0, epsilon: BlockContext.epsilon, tape: tape)
        let velocity = weights.output(normalized, adapters: adapters, tape: tape)
        return Variable(
            velocity.value.reshaped([samples, input.targetGrid.count, configuration.outputChannels]),
            id: velocity.id
        )
    }

    /// The sum of the embedded noise level, guidance and pooled text, `[samples, width]`.
    private func conditioning(_ input: FluxInput, _ adapters: BatchAdapters, _ tape: Tape?) -> Variable {
        func embed(_ embedder: ConditionEmbedder, _ x: Tensor) -> Variable {
            embedder(x, adapters: adapters, tape: tape)
        }
        var sum = embed(weights.timestep, TimestepSinusoid.embed(input.sigma))
        if let guidance = weights.guidance, let strength = input.guidance {
            sum = sum.plus(embed(guidance, TimestepSinusoid.embed(strength)), tape: tape)
        }
        return sum.plus(embed(weights.pooled, input.pooled), tape: tape)
    }

    private func context(_ input: FluxInput, _ adapters: BatchAdapters) -> BlockContext {
        let textTokens = input.text.shape[1]
        // Text tokens carry no position; a reference differs from the target on the first axis.
        var positions = [[Int]](repeating: [0, 0, 0], count: textTokens)
        for (index, grid) in [input.targetGrid, input.referenceGrid].enumerated() {
            for row in 0..<grid.rows {
                for column in 0..<grid.columns {
                    positions.append([index, row, column])
                }
            }
        }
        return BlockContext(
            layout: JointAttention.Layout(
                samples: input.batch,
                heads: configuration.headCount,
                width: configuration.headDimension,
                epsilon: BlockContext.epsilon
            ),
            textTokens: textTokens,
            textLengths: nil,
            imageTokens: input.targetGrid.count + input.referenceGrid.count,
            rotary: RotaryAxes(dimensions: configuration.rotaryDimensions, theta: 10_000).table(positions),
            adapters: adapters
        )
    }
}
