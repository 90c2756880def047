import Imaging
import Shared

/// One picture that an edit starts from, as a transformer sees it.
struct ReferenceLatents: Sendable {
    /// Packed latents, `[tokens, channels]`.
    let tokens: Tensor
    /// How the tokens stand.
    let grid: TokenGrid
}

/// What a policy is told of one edit.
struct EditConditioning: Sendable {
    /// States of the text encoder, `[tokens, width]`; edits of a batch may differ in tokens if the family pads.
    let text: Tensor
    /// Pooled vector of the text, `[width]`, for families that have one.
    let pooled: Tensor?
    /// States of the text that guidance leads away from; nil without such guidance.
    let unguidedText: Tensor?
    /// The pictures, one or more.
    let references: [ReferenceLatents]
}

/// A latent between noise and picture, and what the transformer is told about it.
struct PolicyItem: Sendable {
    /// What the model sees besides.
    let conditioning: EditConditioning
    /// The state, `[targetTokens, channels]`.
    let latent: Tensor
    /// The noise level, 0 to 1.
    let sigma: Float
}

/// One candidate to sample: what the transformer is told, and the noise it starts from.
struct SampleRequest: Sendable {
    /// What the transformer is told.
    let conditioning: EditConditioning
    /// Packed initial noise, `[target tokens, channels]`.
    let noise: Tensor
}

/// An editing policy with all its parts, of any family.
protocol EditingPolicy: Sendable {
    /// The folder it came from.
    var folder: String { get }
    /// The folder's last name, for reports.
    var name: String { get }
    /// SHA-256 over the names and contents of all files that were loaded; see ``Fingerprint``.
    var fingerprint: String { get }
    /// The velocity predictor, for adapters.
    var transformer: any AdaptableTransformer { get }
    /// The way from pixels to packed latents and back.
    var imageConditioner: ImageConditioner { get }
    /// How noise levels are chosen.
    var scheduleConfiguration: FlowScheduleConfiguration { get }
    /// Guidance unless asked otherwise; nil for a policy that takes none.
    var defaultGuidance: Float? { get }

    /// Encodes one edit.
    ///
    /// - Parameters:
    ///   - instruction: What to change.
    ///   - pictures: The pictures to edit, in any size; the family brings them to the sizes it wants.
    ///   - target: Grid of the picture to make.
    ///   - guided: Whether guidance away from an empty text will be asked for; families with distilled guidance ignore it.
    ///   - maximumLength: Tokens that the text is padded to, in families that pad to a fixed length; their own when nil.
    /// - Returns: A conditioning with the same bits in any company.
    /// - Throws: ``PolicyError`` for pictures or lengths that the family refuses.
    func conditioning(
        _ instruction: String,
        pictures: [PixelImage],
        target: TokenGrid,
        guided: Bool,
        maximumLength: Int?
    ) throws -> EditConditioning

    /// Predicts velocities without recording anything.
    ///
    /// - Parameters:
    ///   - items: A batch; all have references of the same sizes.
    ///   - grid: How the tokens of every target stand.
    ///   - guidance: Strength of the guidance; nil for none.
    ///   - adapter: Low-rank terms; nil for the base model.
    /// - Returns: Noise minus clean latent, `[items, targetTokens, channels]`.
    func velocity(
        _ items: [PolicyItem],
        grid: TokenGrid,
        guidance: Float?,
        adapter: LoRAAdapter?
    ) -> Tensor

    /// Predicts velocities with several adapters at once on a tape, for gradients by the first; the guidance of an empty
    /// text takes no part.
    ///
    /// - Parameters:
    ///   - items: A batch; all have references of the same sizes.
    ///   - grid: How the tokens of every target stand.
    ///   - guidance: Strength of a distilled guidance.
    ///   - adapters: Low-rank terms, of which the first get gradients.
    ///   - tape: Where to record; it counts as many runs as there are adapters.
    ///   - checkpointing: How many blocks are computed again together in the backward pass; 0 keeps all insides.
    /// - Returns: Noise minus clean latent, `[adapters · items, targetTokens, channels]`.
    func velocity(
        _ items: [PolicyItem],
        grid: TokenGrid,
        guidance: Float?,
        adapters: BatchAdapters,
        tape: Tape,
        checkpointing: Int
    ) -> Variable
}

extension PolicyFamily {
    /// Loads the policy of a diffusers folder.
    ///
    /// - Parameters:
    ///   - folder: A folder with the `model_index.json` of a family.
    ///   - transformerFile: A file with the transformer's weights instead of the folder's; FLUX.1-Kontext only.
    ///   - weights: How the transformer's weights are kept.
    /// - Returns: The policy with all its parts.
    /// - Throws: ``PolicyError``, or an error of a part: one line that names file and remedy.
    static func load(
        folder: String,
        transformerFile: String? = nil,
        weights: BaseWeightOptions = BaseWeightOptions()
    ) throws -> any EditingPolicy {
        try weights.checkPrecision()
        let index = try ModelIndex(folder: folder)
        let family = try family(of: index)
        if let transformerFile, family != .fluxKontext {
            throw PolicyError.setting(
                name: "transformer",
                value: transformerFile,
                reason: "a \(family.rawValue) takes the transformer of its folder only"
            )
        }
        return switch family {
        case .fluxKontext:
            try FluxKontextPolicy(index: index, transformerFile: transformerFile, weights: weights)
        case .qwenImageEdit: try QwenImageEditPolicy(index: index, variant: .edit, weights: weights)
        case .qwenImageEditPlus: try QwenImageEditPolicy(index: index, variant: .plus, weights: weights)
        }
    }
}

extension Tensor {
    /// Tensors of one shape as one tensor with a new first axis.
    static func stacking(_ tensors: [Tensor]) -> Tensor {
        let shape = tensors.first?.shape ?? []
        let rows = tensors.map { $0.reshaped([1, $0.count]) }
        return Tensor.concatenatingRows(rows).reshaped([tensors.count] + shape)
    }
}
