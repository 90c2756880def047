import Shared

/// The velocity predictor of Qwen-Image-Edit: a transformer over text, target and reference tokens.
///
/// Immutable; one call runs on the thread it is on, and callers may run shards of a batch side by side.
///
/// Padding of the text takes no part in the attention, as in diffusers 0.42.1; up to 0.35 diffusers took the mask and
/// let padding be attended to.
///
/// Source: `QwenImageTransformer2DModel` in huggingface/diffusers 0.42.1,
/// `src/diffusers/models/transformers/transformer_qwenimage.py`.
final class QwenImageTransformer: AdaptableTransformer {
    /// Sizes.
    let configuration: QwenImageConfiguration
    private let weights: QwenImageWeights

    /// Loads a `transformer` folder of a diffusers pipeline.
    ///
    /// - Parameters:
    ///   - folder: Holds `config.json` and `diffusion_pytorch_model.safetensors`, or its shards and index.
    ///   - options: How the weights are kept.
    /// - Throws: ``PolicyError`` for the configuration; `WeightError` that names a missing, surplus or misshapen tensor.
    convenience init(folder: String, options: BaseWeightOptions = BaseWeightOptions()) throws {
        try self.init(
            store: WeightFolder(folder: folder, stem: "diffusion_pytorch_model"),
            configuration: QwenImageConfiguration(path: folder + "/config.json"),
            options: options
        )
    }

    /// Takes a transformer's weights from anywhere, of diffusers' names.
    init(
        store: any WeightStore,
        configuration: QwenImageConfiguration,
        options: BaseWeightOptions
    ) throws {
        self.configuration = configuration
        weights = try QwenImageWeights(folder: store, configuration: configuration, options: options)
    }

    private init(configuration: QwenImageConfiguration, weights: QwenImageWeights) {
        self.configuration = configuration
        self.weights = weights
    }

    var linearLayers: [LinearLayer] { weights.linearLayers }
    var transformerClass: TransformerClass { .qwenImage }

    /// A model of its own whose weights hold the adapter's low-rank terms.
    func merging(_ adapter: LoRAAdapter) -> QwenImageTransformer {
        QwenImageTransformer(configuration: configuration, weights: weights.merging(adapter))
    }

    /// Predicts velocities without recording anything.
    ///
    /// - Parameters:
    ///   - input: A batch.
    ///   - adapter: Low-rank terms; nil for the base model.
    ///   - observe: Sees both streams behind every block.
    /// - Returns: Noise minus clean latent, `[batch, targetTokens, channels]`.
    func velocity(
        _ input: QwenImageInput,
        adapter: LoRAAdapter?,
        observe: (_ block: Int, _ text: Tensor, _ image: Tensor) -> Void = { _, _, _ in }
    ) -> Tensor {
        forward(
            input,
            adapters: BatchAdapters(adapter),
            tape: nil,
            checkpointing: 0,
            observe: observe
        ).value
    }

    /// Predicts velocities on a tape, for gradients by the first adapter.
    ///
    /// - Parameters:
    ///   - input: A batch; with several adapters, a run of samples for each.
    ///   - adapters: Low-rank terms, of which the first get gradients.
    ///   - tape: Where to record; it counts as many runs.
    ///   - checkpointing: How many blocks are computed again together in the backward pass; 0 keeps all insides.
    /// - Returns: Noise minus clean latent, `[batch, targetTokens, channels]`.
    func velocity(
        _ input: QwenImageInput,
        adapters: BatchAdapters,
        tape: Tape,
        checkpointing: Int
    ) -> Variable {
        forward(input, adapters: adapters, tape: tape, checkpointing: checkpointing)
    }

    private func forward(
        _ input: QwenImageInput,
        adapters: BatchAdapters,
        tape: Tape?,
        checkpointing: Int,
        observe: (_ block: Int, _ text: Tensor, _ image: Tensor) -> Void = { _, _, _ in }
    ) -> Variable {
        input.check(configuration)
        let samples = input.batch
        let context = context(input, adapters)
        let latents = Tensor.joiningTokens(input.target.asRows, input.references.asRows, samples: samples)
        let states = weights.textNorm.normalizing(input.text.asRows, tape: tape)
        let image = weights.imageEmbedder(Variable(latents), adapters: adapters, tape: tape)
        let text = weights.textEmbedder(states, adapters: adapters, tape: tape)
        let sinusoid = TimestepSinusoid.embed(input.sigma, scalesLast: true)
        let activated = weights.timestep(sinusoid, adapters: adapters, tape: tape).activated(
            .silu,
            tape: tape
        )
        let streams = context.run(
            weights.blocks,
            [text, image],
            activated: activated,
            checkpointing: checkpointing,
            tape: tape,
            observe: { observe($0, $1[0].value, $1[1].value) }
        ) { block, streams, activated, context, tape in
            block(streams, activated: activated, context: context, tape: tape)
        }
        let target = streams[1].tokens(0..<input.targetGrid.count, samples: samples, tape: tape)
        // Here the scale comes first, unlike in the blocks.
        let normalized = context.modulation(weights.outputModulation, activated, tape)
            .normalized(target, shift: 1, scale: 0, epsilon: BlockContext.epsilon, tape: tape)
        let velocity = weights.output(normalized, adapters: adapters, tape: tape)
        return Variable(
            velocity.value.reshaped([samples, input.targetGrid.count, configuration.outputChannels]),
            id: velocity.id
        )
    }

    private func context(_ input: QwenImageInput, _ adapters: BatchAdapters) -> BlockContext {
        let textTokens = input.text.shape[1]
        let grids = [input.targetGrid] + input.referenceGrids
        let positions = QwenImagePositions.all(grids: grids, textTokens: textTokens)
        let axes = RotaryAxes(dimensions: configuration.rotaryDimensions, theta: 10_000)
        let isPadded = input.textLengths.contains { $0 < textTokens }
        return BlockContext(
            layout: JointAttention.Layout(
                samples: input.batch,
                heads: configuration.headCount,
                width: configuration.headDimension,
                epsilon: BlockContext.epsilon
            ),
            textTokens: textTokens,
            textLengths: isPadded ? input.textLengths : nil,
            imageTokens: grids.reduce(0) { $0 + $1.count },
            rotary: axes.singlePrecisionTable(positions),
            adapters: adapters
        )
    }
}
