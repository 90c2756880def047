import Shared

/// All that can be known of a model without reading a weight: configuration, tokenizer, and headers of files.
struct ModelPlan {
    let information: ModelInformation
    let configuration: any FamilyConfiguration
    let tokenizer: Tokenizer
    let builder: PromptBuilder
    let processor: ImageProcessor
    var tensors: TensorSource
    let costs: ModelCosts

    /// Reads and checks everything but the numbers of the weights.
    ///
    /// - Parameters:
    ///   - source: The checkpoint.
    ///   - choice: The arithmetic.
    ///   - maximumPixels: Largest area of a picture that the model sees; nil takes the model's own.
    /// - Throws: ``ModelError``, ``TokenizerError`` or `WeightError`, naming file and reason.
    init(_ source: any ModelSource, precision choice: PrecisionChoice = .auto, maximumPixels: Int? = nil)
        throws
    {
        let fields = try source.configuration()
        let family = try ModelFamily(fields)
        let configuration = try family.configuration(fields)
        let tokenizer = try source.tokenizer()
        let template = try source.chatTemplate()
        if template.opensThinking {
            throw ModelError.unsupported(
                path: fields.path,
                feature: "a Thinking model, whose answer begins with a chain of thought"
            )
        }
        let store = try source.weights()
        let builder = try PromptBuilder(template: template, tokenizer: tokenizer, folder: store.path)
        try Self.check(configuration, builder, fields)
        let processor = try ImageProcessor(
            try source.preprocessing(),
            vision: configuration.vision,
            defaults: type(of: configuration).imageDefaults
        ).limited(to: maximumPixels, path: store.path)
        var tensors = try TensorSource(
            store,
            shapes: configuration.shapes,
            saysTied: configuration.tokens.tiesEmbeddings
        )
        tensors.precision = try ModelPrecision(choice, for: tensors)
        let costs = ModelCosts(configuration, processor: processor, tensors: tensors)
        information = ModelInformation(
            family: family,
            name: source.name,
            parameterCount: tensors.parameterCount,
            visionParameterCount: tensors.visionParameterCount,
            fingerprint: try ModelFingerprint.make(of: source.fingerprint(), in: tensors.precision),
            precision: tensors.precision,
            hiddenSize: configuration.text.hiddenSize,
            layerCount: configuration.text.layerCount,
            visionBlockCount: configuration.vision.blockCount,
            vocabularySize: configuration.text.vocabularySize,
            tiesEmbeddings: tensors.tiesEmbeddings,
            warnings: tensors.warnings,
            contextLength: configuration.text.contextLength,
            weightElementType: tensors.format(of: "text.embed_tokens.weight") ?? "unknown",
            formats: tensors.formats,
            weightByteCount: tensors.byteCount,
            chatTemplate: template.name,
            specialTokens: Dictionary(
                uniqueKeysWithValues: template.tokens.map { ($0.rawValue, builder.id(of: $0)) }
            ),
            pairMemory: try costs.memory(candidates: 1),
            groupMemory: try costs.memory(candidates: 12),
            pairOperations: try costs.operations(candidates: 1)
        )
        self.costs = costs
        self.configuration = configuration
        self.tokenizer = tokenizer
        self.builder = builder
        self.processor = processor
        self.tensors = tensors
    }

    /// The ids of the configuration must be the tokenizer's.
    private static func check(
        _ configuration: any FamilyConfiguration,
        _ builder: PromptBuilder,
        _ fields: JSONFields
    ) throws(ModelError) {
        let tokens = configuration.tokens
        for (token, name, id) in [
            (ChatTemplate.SpecialToken.imagePad, "image_token_id", tokens.imageToken),
            (.visionStart, "vision_start_token_id", tokens.visionStartToken),
            (.visionEnd, "vision_end_token_id", tokens.visionEndToken),
        ] where builder.id(of: token) != id {
            let found = builder.id(of: token)
            throw fields.failure(name, "is \(id), but the tokenizer's \(token.rawValue) is \(found)")
        }
        let (rows, used) = (configuration.text.vocabularySize, builder.tokenizer.tokenCount)
        guard used <= rows else {
            throw fields.failure("vocab_size", "is \(rows), but the tokenizer has \(used) tokens")
        }
    }
}
