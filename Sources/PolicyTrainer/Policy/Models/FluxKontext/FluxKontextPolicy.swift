import Foundation
import Imaging
import Shared

/// A FLUX.1-Kontext editing policy with all its parts, loaded from a diffusers folder.
///
/// Source: huggingface/diffusers 0.42.1, `pipelines/flux/pipeline_flux_kontext.py`.
final class FluxKontextPolicy: EditingPolicy {
    /// The folder it came from.
    let folder: String
    /// The folder's last name, for reports.
    let name: String
    /// SHA-256 over the names and contents of all files that were loaded; see ``Fingerprint``.
    let fingerprint: String
    /// The velocity predictor.
    let denoiser: FluxTransformer
    /// Both text encoders.
    let textConditioner: TextConditioner
    /// The way from pixels to packed latents and back.
    let imageConditioner: ImageConditioner
    /// How noise levels are chosen.
    let scheduleConfiguration: FlowScheduleConfiguration

    var transformer: any AdaptableTransformer { denoiser }
    /// The image autoencoder.
    var autoencoder: Autoencoder { imageConditioner.autoencoder }
    /// Tokens that T5's input is padded to unless asked otherwise: the tokenizer's own, or 512.
    var defaultTextLength: Int { textConditioner.t5Tokenizer.maximumLength ?? 512 }
    /// Guidance unless asked otherwise: the published 2.5; nil for a transformer that takes none.
    var defaultGuidance: Float? { denoiser.configuration.hasGuidance ? 2.5 : nil }

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

    /// Loads the policy that an index describes.
    ///
    /// - Parameters:
    ///   - index: The `model_index.json` of a `FluxKontextPipeline`.
    ///   - transformerFile: A safetensors or GGUF file with the transformer's weights instead of the folder's.
    ///   - weights: How the transformer's weights are kept.
    /// - Throws: ``PolicyError``, ``TextTokenizerError`` or `WeightError`: one line that names file and remedy.
    init(
        index: ModelIndex,
        transformerFile: String? = nil,
        weights: BaseWeightOptions = BaseWeightOptions()
    ) throws {
        guard try PolicyFamily.family(of: index) == .fluxKontext else {
            throw PolicyError.unsupported(
                path: index.folder + "/model_index.json",
                reason: "it describes a \(index.pipelineClass), not a FluxKontextPipeline"
            )
        }
        let scheduler = try index.part("scheduler", accepted: ["FlowMatchEulerDiscreteScheduler"])
        let vae = try index.part("vae", accepted: ["AutoencoderKL"])
        let encoder = try index.part("text_encoder", accepted: ["CLIPTextModel"])
        let secondEncoder = try index.part("text_encoder_2", accepted: ["T5EncoderModel"])
        let tokenizer = try index.part("tokenizer", accepted: ["CLIPTokenizer", "CLIPTokenizerFast"])
        let secondTokenizer = try index.part("tokenizer_2", accepted: ["T5TokenizerFast", "T5Tokenizer"])
        let denoiser = try index.part("transformer", accepted: ["FluxTransformer2DModel"])
        folder = index.folder
        name = PathText.name(of: PathText.absolute(index.folder))
        scheduleConfiguration = try FlowScheduleConfiguration(path: scheduler + "/scheduler_config.json")
        textConditioner = try TextConditioner(
            folder: index.folder,
            tokenizer: tokenizer,
            encoder: encoder,
            secondTokenizer: secondTokenizer,
            secondEncoder: secondEncoder
        )
        imageConditioner = ImageConditioner(autoencoder: try Autoencoder(folder: vae))
        self.denoiser = try FluxTransformer(
            folder: denoiser,
            file: transformerFile,
            options: weights
        )
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
            ("in_channels", denoiser.configuration.inputChannels, "vae latent_channels · 4", channels),
            (
                "joint_attention_dim", denoiser.configuration.jointDimension,
                "text_encoder_2 d_model", textConditioner.t5.configuration.hiddenSize
            ),
            (
                "pooled_projection_dim", denoiser.configuration.pooledDimension,
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

    func conditioning(
        _ instruction: String,
        pictures: [PixelImage],
        target: TokenGrid,
        guided: Bool,
        maximumLength: Int?
    ) throws -> EditConditioning {
        guard pictures.count == 1 else {
            throw PolicyError.setting(
                name: "image",
                value: "\(pictures.count) pictures",
                reason: "a FluxKontextPipeline edits exactly one"
            )
        }
        let text = try textConditioning([instruction], maximumLength: maximumLength)[0]
        let pictures = pictures.map { imageConditioner.fitted($0, to: target) }
        return EditConditioning(
            text: text.text,
            pooled: text.pooled,
            unguidedText: nil,
            references: try referenceLatents(pictures).map { ReferenceLatents(tokens: $0, grid: target) }
        )
    }

    func velocity(
        _ items: [PolicyItem],
        grid: TokenGrid,
        guidance: Float?,
        adapter: LoRAAdapter?
    ) -> Tensor {
        denoiser.velocity(input(items, grid: grid, guidance: guidance), adapter: adapter)
    }

    func velocity(
        _ items: [PolicyItem],
        grid: TokenGrid,
        guidance: Float?,
        adapters: BatchAdapters,
        tape: Tape,
        checkpointing: Int
    ) -> Variable {
        let items = adapters.runs.flatMap { _ in items }
        return denoiser.velocity(
            input(items, grid: grid, guidance: guidance),
            adapters: adapters,
            tape: tape,
            checkpointing: checkpointing
        )
    }

    private func input(_ items: [PolicyItem], grid: TokenGrid, guidance: Float?) -> FluxInput {
        let conditionings = items.map(\.conditioning)
        let references = conditionings.compactMap(\.references.first)
        return FluxInput(
            target: .stacking(items.map(\.latent)),
            reference: .stacking(references.map(\.tokens)),
            text: .stacking(conditionings.map(\.text)),
            pooled: .stacking(conditionings.compactMap(\.pooled)),
            sigma: items.map(\.sigma),
            guidance: denoiser.configuration.hasGuidance
                ? (guidance ?? defaultGuidance).map { [Float](repeating: $0, count: items.count) } : nil,
            targetGrid: grid,
            referenceGrid: references.first?.grid ?? grid
        )
    }
}
