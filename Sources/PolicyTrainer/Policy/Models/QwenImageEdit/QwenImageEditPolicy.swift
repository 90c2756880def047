import Foundation
import Imaging
import MLLMRuntime
import Shared

/// A Qwen-Image-Edit editing policy with all its parts, loaded from a diffusers folder.
///
/// Source: huggingface/diffusers 0.42.1, `pipelines/qwenimage/pipeline_qwenimage_edit.py` and
/// `pipeline_qwenimage_edit_plus.py`.
final class QwenImageEditPolicy: EditingPolicy {
    /// What guidance leads away from.
    static let emptyInstruction = " "

    /// The folder it came from.
    let folder: String
    /// The folder's last name, for reports.
    let name: String
    /// SHA-256 over the names and contents of all files that were loaded; see ``Fingerprint``.
    let fingerprint: String
    /// The velocity predictor.
    let denoiser: QwenImageTransformer
    /// The text encoder.
    let textConditioner: QwenImageConditioner
    /// The way from pixels to packed latents and back.
    let imageConditioner: ImageConditioner
    /// How noise levels are chosen.
    let scheduleConfiguration: FlowScheduleConfiguration
    /// Area of a picture for the text encoder of the 2509 release, in pixels.
    private let conditionArea: Int

    var transformer: any AdaptableTransformer { denoiser }
    /// The published strength of the guidance away from an empty text.
    var defaultGuidance: Float? { 4 }

    /// Loads the policy that an index describes.
    ///
    /// - Parameters:
    ///   - index: The `model_index.json` of a `QwenImageEditPipeline` or `QwenImageEditPlusPipeline`.
    ///   - variant: Which of the two.
    ///   - weights: How the transformer's weights are kept.
    ///   - conditionArea: Area of a picture for the text encoder of the 2509 release, in pixels.
    /// - Throws: ``PolicyError``, `ModelError`, `TokenizerError` or `WeightError`: one line that names file and remedy.
    init(
        index: ModelIndex,
        variant: QwenImageConditioner.Variant,
        weights: BaseWeightOptions = BaseWeightOptions(),
        conditionArea: Int = QwenImageSizes.conditionArea
    ) throws {
        let scheduler = try index.part("scheduler", accepted: ["FlowMatchEulerDiscreteScheduler"])
        let vae = try index.part("vae", accepted: ["AutoencoderKLQwenImage"])
        let encoder = try index.part("text_encoder", accepted: ["Qwen2_5_VLForConditionalGeneration"])
        let tokenizer = try index.part("tokenizer", accepted: ["Qwen2Tokenizer", "Qwen2TokenizerFast"])
        let processor = try index.part("processor", accepted: ["Qwen2VLProcessor", "Qwen2_5_VLProcessor"])
        let denoiser = try index.part("transformer", accepted: ["QwenImageTransformer2DModel"])
        folder = index.folder
        name = PathText.name(of: PathText.absolute(index.folder))
        self.conditionArea = conditionArea
        scheduleConfiguration = try FlowScheduleConfiguration(path: scheduler + "/scheduler_config.json")
        textConditioner = try QwenImageConditioner(
            folder: index.folder,
            encoder: encoder,
            tokenizer: tokenizer,
            processor: processor,
            variant: variant
        )
        imageConditioner = ImageConditioner(autoencoder: try Autoencoder(qwenImageFolder: vae))
        self.denoiser = try QwenImageTransformer(folder: denoiser, options: weights)
        fingerprint = try Fingerprint.of(
            index.folder,
            parts: [scheduler, vae, encoder, tokenizer, processor, denoiser]
        )
        let widths = [
            ("in_channels", self.denoiser.configuration.inputChannels, "vae z_dim · 4", channels),
            (
                "joint_attention_dim", self.denoiser.configuration.jointDimension, "text_encoder hidden_size",
                textConditioner.model.information.hiddenSize
            ),
        ]
        for (left, expected, right, found) in widths where expected != found {
            throw PolicyError.mismatch(
                folder: folder,
                reason: "transformer \(left) is \(expected), \(right) is \(found)"
            )
        }
    }

    /// Encodes one edit.
    ///
    /// A reference keeps its aspect ratio in about the area of the picture to make, with sides that are multiples of 32;
    /// one of the target's ratio gets the target's size. (diffusers brings every reference to about 1024² pixels, which is
    /// the same while the target has its default size; Edit-R1 trains with the area of its resolution.)
    func conditioning(
        _ instruction: String,
        pictures: [PixelImage],
        target: TokenGrid,
        guided: Bool,
        maximumLength: Int?
    ) throws -> EditConditioning {
        let counts = textConditioner.variant.pictureCounts
        guard counts.contains(pictures.count) else {
            throw PolicyError.setting(
                name: "image",
                value: "\(pictures.count) pictures",
                reason: counts.count == 1
                    ? "a QwenImageEditPipeline edits exactly one"
                    : "a QwenImageEditPlusPipeline takes \(counts.lowerBound) to \(counts.upperBound)"
            )
        }
        let references = pictures.map { $0.resizedIfNeeded(referenceSize(of: $0, target: target)) }
        let seen =
            textConditioner.variant == .edit
            ? references
            : pictures.map { $0.resizedIfNeeded(QwenImageSizes.fitting(area: conditionArea, $0)) }
        return EditConditioning(
            text: try textConditioner.states(instruction, pictures: seen),
            pooled: nil,
            unguidedText: guided ? try textConditioner.states(Self.emptyInstruction, pictures: seen) : nil,
            references: try zip(references, imageConditioner.latents(references)).map { picture, tokens in
                ReferenceLatents(tokens: tokens, grid: try grid(width: picture.width, height: picture.height))
            }
        )
    }

    private func referenceSize(of picture: PixelImage, target: TokenGrid) -> (width: Int, height: Int) {
        let side = imageConditioner.tokenSide
        let (width, height) = (target.columns * side, target.rows * side)
        guard picture.width * height != picture.height * width else { return (width, height) }
        return QwenImageSizes.fitting(area: width * height, picture)
    }

    func velocity(
        _ items: [PolicyItem],
        grid: TokenGrid,
        guidance: Float?,
        adapter: LoRAAdapter?
    ) -> Tensor {
        let guided = denoiser.velocity(
            input(items, texts: items.map(\.conditioning.text), grid),
            adapter: adapter
        )
        let empty = items.compactMap(\.conditioning.unguidedText)
        guard let guidance, guidance > 1, empty.count == items.count else { return guided }
        return QwenImageGuidance.combine(
            guided: guided,
            unguided: denoiser.velocity(input(items, texts: empty, grid), adapter: adapter),
            scale: guidance
        )
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
            input(items, texts: items.map(\.conditioning.text), grid),
            adapters: adapters,
            tape: tape,
            checkpointing: checkpointing
        )
    }

    /// A batch with its texts padded on the right by zeros.
    private func input(_ items: [PolicyItem], texts: [Tensor], _ grid: TokenGrid) -> QwenImageInput {
        let longest = texts.map(\.rowCount).max() ?? 0
        let padded = texts.map { text in
            Tensor.concatenatingRows([text, Tensor(zeros: [longest - text.rowCount, text.columnCount])])
        }
        let references = items.map(\.conditioning.references)
        return QwenImageInput(
            target: .stacking(items.map(\.latent)),
            references: .stacking(references.map { .concatenatingRows($0.map(\.tokens)) }),
            text: .stacking(padded),
            textLengths: texts.map(\.rowCount),
            sigma: items.map(\.sigma),
            targetGrid: grid,
            referenceGrids: references.first?.map(\.grid) ?? []
        )
    }
}
