internal import Foundation
internal import Imaging
internal import Shared

/// One candidate to sample: what the transformer is told, and the noise it starts from.
struct SampleRequest: Sendable {
    /// The encoded instruction.
    let conditioning: TextConditioning
    /// Packed latents of the reference picture, `[reference tokens, channels]`.
    let reference: Tensor
    /// Packed initial noise, `[target tokens, channels]`.
    let noise: Tensor
}

/// A FLUX.1-Kontext editing policy with all its parts, loaded from a diffusers folder.
///
/// Source: huggingface/diffusers 0.42.1, `pipelines/flux/pipeline_flux_kontext.py`.
final class FluxKontextPolicy: Sendable {
    /// The folder it came from.
    let folder: String
    /// The folder's last name, for reports.
    let name: String
    /// SHA-256 over the names and contents of all files that were loaded; see ``Fingerprint``.
    let fingerprint: String
    /// The transformer.
    let transformer: FluxTransformer
    /// Both text encoders.
    let textConditioner: TextConditioner
    /// The way from pixels to packed latents and back.
    let imageConditioner: ImageConditioner
    /// How noise levels are chosen.
    let scheduleConfiguration: FlowScheduleConfiguration

    /// The image autoencoder.
    var autoencoder: Autoencoder { imageConditioner.autoencoder }
    /// Tokens that T5's input is padded to unless asked otherwise: the tokenizer's own, or 512.
    var defaultTextLength: Int { textConditioner.t5Tokenizer.maximumLength ?? 512 }
    /// Guidance unless asked otherwise: the published 2.5; nil for a transformer that takes none.
    var defaultGuidance: Float? { transformer.configuration.hasGuidance ? 2.5 : nil }
    /// Numbers of a packed token.
    var channels: Int { imageConditioner.channels }

    /// Loads a policy.
    ///
    /// - Parameters:
    ///   - folder: A diffusers folder with a `model_index.json` of class `FluxKontextPipeline`.
    ///   - transformerFile: A safetensors or GGUF file with the transformer's weights instead of the folder's.
    /// - Returns: The policy with all its parts.
    /// - Throws: ``PolicyError``, ``TextTokenizerError`` or `WeightError`: one line that names file and remedy.
    static func load(folder: String, transformerFile: String? = nil) throws -> FluxKontextPolicy {
        try FluxKontextPolicy(index: ModelIndex(folder: folder), transformerFile: transformerFile)
    }

    private init(index: ModelIndex, transformerFile: String?) throws {
        _ = try PolicyFamily.family(of: index)
        let scheduler = try index.part("scheduler", accepted: ["FlowMatchEulerDiscreteScheduler"])
        let vae = try index.part("vae", accepted: ["AutoencoderKL"])
        let encoder = try index.part("text_encoder", accepted: ["CLIPTextModel"])
        let secondEncoder = try index.part("text_encoder_2", accepted: ["T5EncoderModel"])
        let tokenizer = try index.part("tokenizer", accepted: ["CLIPTokenizer", "CLIPTokenizerFast"])
        let secondTokenizer = try index.part("tokenizer_2", accepted: ["T5TokenizerFast", "T5Tokenizer"])
        let denoiser = try index.part("transformer", accepted: ["FluxTransformer2DModel"])
        folder = index.folder
        name = URL(filePath: index.folder).standardizedFileURL.lastPathComponent
        scheduleConfiguration = try FlowScheduleConfiguration(path: scheduler + "/scheduler_config.json")
        textConditioner = try TextConditioner(
            folder: index.folder,
            tokenizer: tokenizer,
            encoder: encoder,
            secondTokenizer: secondTokenizer,
            secondEncoder: secondEncoder
        )
        imageConditioner = ImageConditioner(autoencoder: try Autoencoder(folder: vae))
        transformer = try FluxTransformer(folder: denoiser, file: transformerFile)
        fingerprint = try Fingerprint.of(
            index.folder,
            parts: [scheduler, vae, encoder, secondEncoder, tokenizer, secondTokenizer, denoiser],
            file: transformerFile
        )
        try checkFit()
    }

    /// Refuses parts whose widths do not meet.
    private func checkFit() throws {
        let widths = [
            ("in_channels", transformer.configuration.inputChannels, "vae latent_channels · 4", channels),
            (
                "joint_attention_dim", transformer.configuration.jointDimension,
                "text_encoder_2 d_model", textConditioner.t5.configuration.hiddenSize
            ),
            (
                "pooled_projection_dim", transformer.configuration.pooledDimension,
                "text_encoder hidden_size", textConditioner.clip.configuration.hiddenSize
            ),
        ]
        for (left, expected, right, found) in widths where expected != found {
            throw PolicyError.mismatch(
                folder: folder,
                reason: "transformer \(left) is \(expected), \(right) is \(found)"
            )
        }
    }

    /// Encodes instructions.
    ///
    /// - Parameters:
    ///   - instructions: The texts.
    ///   - maximumLength: Tokens of T5's padded input; ``defaultTextLength`` when nil.
    /// - Returns: One conditioning per instruction, in order; an instruction has the same bits in any company.
    /// - Throws: ``PolicyError/setting(name:value:reason:)`` for a length outside 1...512.
    func textConditioning(_ instructions: [String], maximumLength: Int? = nil) throws -> [TextConditioning] {
        let length = maximumLength ?? defaultTextLength
        guard (1...512).contains(length) else {
            throw PolicyError.setting(
                name: "max-sequence-length",
                value: "\(length)",
                reason: "it must be 1 to 512"
            )
        }
        return textConditioner.condition(instructions, length: length)
    }

    /// Packed latents of reference pictures: the mode of the posterior, shifted and scaled.
    ///
    /// - Parameter images: Pictures whose sides are multiples of 2 · the autoencoder's factor.
    /// - Returns: One `[tokens, channels]` per picture; a picture has the same bits in any company.
    /// - Throws: ``PolicyError/size(width:height:multiple:)``.
    func referenceLatents(_ images: [PixelImage]) throws -> [Tensor] {
        try imageConditioner.latents(images)
    }

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

    /// Samples one batch; the reference has the size of the target.
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
        guard let first = requests.first else { return [] }
        let tokens = grid.rows * grid.columns
        let shape = [tokens, channels]
        for request in requests {
            for tensor in [request.noise, request.reference] where tensor.shape != shape {
                throw PolicyError.latentShape(expected: shape, found: tensor.shape)
            }
        }
        let rollout = Rollout(schedule: try schedule(steps: steps, grid: grid), solver: solver)
        let batch = requests.count
        func batched(_ parts: [Tensor], _ shape: [Int]) -> Tensor {
            Tensor.concatenatingRows(parts).reshaped([batch] + shape)
        }
        let reference = batched(requests.map(\.reference), shape)
        let text = batched(requests.map(\.conditioning.text), first.conditioning.text.shape)
        let pooled = batched(requests.map(\.conditioning.pooled), first.conditioning.pooled.shape)
        let strength = guidance ?? defaultGuidance
        let result = try rollout.run(from: batched(requests.map(\.noise), shape), progress: progress) {
            state,
            sigma in
            transformer.velocity(
                FluxInput(
                    target: state,
                    reference: reference,
                    text: text,
                    pooled: pooled,
                    sigma: [Float](repeating: sigma, count: batch),
                    guidance: transformer.configuration.hasGuidance
                        ? strength.map { [Float](repeating: $0, count: batch) } : nil,
                    targetGrid: grid,
                    referenceGrid: grid
                ),
                adapter: adapter
            )
        }
        guard result.isFinite else {
            throw PolicyError.mismatch(folder: folder, reason: "sampling gave latents that are not finite")
        }
        return (0..<batch).map { result.rows(($0 * tokens)..<(($0 + 1) * tokens)) }
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
