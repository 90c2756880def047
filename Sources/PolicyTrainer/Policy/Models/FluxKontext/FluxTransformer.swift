internal import Shared

/// The velocity predictor of FLUX.1-Kontext: a transformer over text, target and reference tokens.
///
/// Immutable; one call runs on the thread it is on, and callers may run shards of a batch side by side.
///
/// Source: policies.md 1.3; `FluxTransformer2DModel` in huggingface/diffusers 0.42.1.
final class FluxTransformer: AdaptableTransformer {
    /// Sizes.
    let configuration: FluxConfiguration
    private let weights: FluxWeights

    /// Loads a `transformer` folder of a diffusers pipeline.
    ///
    /// - Parameters:
    ///   - folder: Holds `config.json` and `diffusion_pytorch_model.safetensors`, or its shards and index.
    ///   - file: One file with the weights, of original or diffusers' names; then the folder's are not read.
    /// - Throws: ``PolicyError`` for the configuration; `WeightError` that names a missing, surplus or misshapen tensor.
    init(folder: String, file: String? = nil) throws {
        let configuration = try FluxConfiguration(path: folder + "/config.json")
        let store: any WeightStore =
            if let file {
                try FluxOriginalFile(path: file, configuration: configuration)
            } else {
                try WeightFolder(folder: folder, stem: "diffusion_pytorch_model")
            }
        self.configuration = configuration
        weights = try FluxWeights(folder: store, configuration: configuration)
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
        forward(input, adapter: adapter, tape: nil, checkpointing: false).value
    }

    /// Predicts velocities on a tape, for gradients by the adapter.
    ///
    /// - Parameters:
    ///   - input: A batch.
    ///   - adapter: Low-rank terms, which get gradients.
    ///   - tape: Where to record.
    ///   - checkpointing: Whether to keep only the inputs of the blocks and compute each again in the backward pass.
    /// - Returns: Noise minus clean latent, `[batch, targetTokens, channels]`.
    func velocity(_ input: FluxInput, adapter: LoRAAdapter, tape: Tape, checkpointing: Bool) -> Variable {
        forward(input, adapter: adapter, tape: tape, checkpointing: checkpointing)
    }

    private func forward(
        _ input: FluxInput,
        adapter: LoRAAdapter?,
        tape: Tape?,
        checkpointing: Bool
    ) -> Variable {
        input.check(configuration)
        let samples = input.batch
        let context = context(input, adapter)
        let latents = Tensor.joiningTokens(
            input.target.asRows,
            input.reference.asRows,
            samples: samples
        )
        var image = weights.imageEmbedder(Variable(latents), adapter: adapter, tape: tape)
        var text = weights.textEmbedder(Variable(input.text.asRows), adapter: adapter, tape: tape)
        let activated = conditioning(input, adapter, tape).activated(.silu, tape: tape)
        for block in weights.doubleBlocks {
            let outputs = Tape.run([text, image, activated], on: tape, checkpointing: checkpointing) {
                inputs,
                tape in
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
        }
        var joined = text.followed(by: image, samples: samples, tape: tape)
        for block in weights.singleBlocks {
            joined =
                Tape.run([joined, activated], on: tape, checkpointing: checkpointing) { inputs, tape in
                    [block(inputs[0], activated: inputs[1], context: context, tape: tape)]
                }[0]
        }
        let start = context.textTokens
        let target = joined.tokens(start..<(start + input.targetGrid.count), samples: samples, tape: tape)
        // Here the scale comes first, unlike in the blocks.
        let normalized = context.modulation(weights.outputModulation, activated, tape)
            .normalized(target, shift: 1, scale: 0, epsilon: BlockContext.epsilon, tape: tape)
        let velocity = weights.output(normalized, adapter: adapter, tape: tape)
        return Variable(
            velocity.value.reshaped([samples, input.targetGrid.count, configuration.outputChannels]),
            id: velocity.id
        )
    }

    /// The sum of the embedded noise level, guidance and pooled text, `[samples, width]`.
    private func conditioning(_ input: FluxInput, _ adapter: LoRAAdapter?, _ tape: Tape?) -> Variable {
        func embed(_ embedder: ConditionEmbedder, _ x: Tensor) -> Variable {
            embedder(x, adapter: adapter, tape: tape)
        }
        var sum = embed(weights.timestep, TimestepSinusoid.embed(input.sigma))
        if let guidance = weights.guidance, let strength = input.guidance {
            sum = sum.plus(embed(guidance, TimestepSinusoid.embed(strength)), tape: tape)
        }
        return sum.plus(embed(weights.pooled, input.pooled), tape: tape)
    }

    private func context(_ input: FluxInput, _ adapter: LoRAAdapter?) -> BlockContext {
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
            adapter: adapter
        )
    }
}
