internal import Shared

/// The velocity predictor of Qwen-Image-Edit: a transformer over text, target and reference tokens.
///
/// Immutable; one call runs on the thread it is on, and callers may run shards of a batch side by side.
///
/// Padding of the text takes no part in the attention, as in diffusers 0.42.1; up to 0.35 diffusers took the mask and
/// let padding be attended to.
///
/// Source: policies.md 2.3; `QwenImageTransformer2DModel` in huggingface/diffusers 0.42.1.
final class QwenImageTransformer: AdaptableTransformer {
    /// Sizes.
    let configuration: QwenImageConfiguration
    private let weights: QwenImageWeights

    /// Loads a `transformer` folder of a diffusers pipeline.
    ///
    /// - Parameter folder: Holds `config.json` and `diffusion_pytorch_model.safetensors`, or its shards and index.
    /// - Throws: ``PolicyError`` for the configuration; `WeightError` that names a missing, surplus or misshapen tensor.
    init(folder: String) throws {
        configuration = try QwenImageConfiguration(path: folder + "/config.json")
        weights = try QwenImageWeights(
            folder: WeightFolder(folder: folder, stem: "diffusion_pytorch_model"),
            configuration: configuration
        )
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
        forward(input, adapter: adapter, tape: nil, checkpointing: false, observe: observe).value
    }

    /// Predicts velocities on a tape, for gradients by the adapter.
    ///
    /// - Parameters:
    ///   - input: A batch.
    ///   - adapter: Low-rank terms, which get gradients.
    ///   - tape: Where to record.
    ///   - checkpointing: Whether to keep only the inputs of the blocks and compute each again in the backward pass.
    /// - Returns: Noise minus clean latent, `[batch, targetTokens, channels]`.
    func velocity(
        _ input: QwenImageInput,
        adapter: LoRAAdapter,
        tape: Tape,
        checkpointing: Bool
    ) -> Variable {
        forward(input, adapter: adapter, tape: tape, checkpointing: checkpointing)
    }

    private func forward(
        _ input: QwenImageInput,
        adapter: LoRAAdapter?,
        tape: Tape?,
        checkpointing: Bool,
        observe: (_ block: Int, _ text: Tensor, _ image: Tensor) -> Void = { _, _, _ in }
    ) -> Variable {
        input.check(configuration)
        let samples = input.batch
        let context = context(input, adapter)
        let latents = Tensor.joiningTokens(input.target.asRows, input.references.asRows, samples: samples)
        let states = RMSNorm.apply(
            input.text.asRows,
            weight: weights.textNorm,
            epsilon: BlockContext.epsilon
        )
        var image = weights.imageEmbedder(Variable(latents), adapter: adapter, tape: tape)
        var text = weights.textEmbedder(Variable(states), adapter: adapter, tape: tape)
        let sinusoid = TimestepSinusoid.embed(input.sigma, scalesLast: true)
        let activated = weights.timestep(sinusoid, adapter: adapter, tape: tape).activated(.silu, tape: tape)
        for (index, block) in weights.blocks.enumerated() {
            let outputs = Tape.run(
                [text, image, activated],
                on: tape,
                checkpointing: checkpointing
            ) { inputs, tape in
                let (text, image) = block(
                    text: inputs[0],
                    image: inputs[1],
                    activated: inputs[2],
                    context: context,
                    tape: tape
                )
                return [text, image]
            }
            (text, image) = (outputs[0], outputs[1])
            observe(index, text.value, image.value)
        }
        let target = image.tokens(0..<input.targetGrid.count, samples: samples, tape: tape)
        // Here the scale comes first, unlike in the blocks.
        let normalized = context.modulation(weights.outputModulation, activated, tape)
            .normalized(target, shift: 1, scale: 0, epsilon: BlockContext.epsilon, tape: tape)
        let velocity = weights.output(normalized, adapter: adapter, tape: tape)
        return Variable(
            velocity.value.reshaped([samples, input.targetGrid.count, configuration.outputChannels]),
            id: velocity.id
        )
    }

    private func context(_ input: QwenImageInput, _ adapter: LoRAAdapter?) -> BlockContext {
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
            adapter: adapter
        )
    }
}
