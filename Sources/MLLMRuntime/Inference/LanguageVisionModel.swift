internal import Foundation
public import Imaging
internal import Shared

/// A model that reads images and text: weights, tokenizer and chat template.
///
/// Immutable, so several threads may use it.
public final class LanguageVisionModel: Sendable {
    /// Facts about the model.
    public let information: ModelInformation
    /// The model's tokenizer.
    public let tokenizer: Tokenizer

    let builder: PromptBuilder
    let processor: Qwen25VLImageProcessor
    let tower: Qwen25VLVisionTower
    let decoder: Qwen25VLDecoder

    /// Loads a Hugging Face folder.
    ///
    /// - Parameter folder: Path of a folder with config.json, preprocessor_config.json, tokenizer files, a
    ///   chat template and safetensors files.
    /// - Returns: The model.
    /// - Throws: ``ModelError``, ``TokenizerError`` or `WeightError`, naming file and reason.
    public static func load(folder: String) throws -> LanguageVisionModel {
        try LanguageVisionModel(folder: folder)
    }

    private init(folder: String) throws {
        let fields = try JSONFields(path: folder + "/config.json")
        let family = try ModelFamily(fields)
        let configuration = try Qwen25VLConfiguration(fields)
        tokenizer = try Tokenizer(folder: folder)
        builder = try PromptBuilder(
            template: try ChatTemplate.load(folder: folder),
            tokenizer: tokenizer,
            folder: folder
        )
        for (token, name, id) in [
            (ChatTemplate.SpecialToken.imagePad, "image_token_id", configuration.imageToken),
            (.visionStart, "vision_start_token_id", configuration.visionStartToken),
            (.visionEnd, "vision_end_token_id", configuration.visionEndToken),
        ] where builder.id(of: token) != id {
            let found = builder.id(of: token)
            throw fields.failure(name, "is \(id), but the tokenizer's \(token.rawValue) is \(found)")
        }
        guard tokenizer.tokenCount <= configuration.text.vocabularySize else {
            let rows = configuration.text.vocabularySize
            throw fields.failure(
                "vocab_size",
                "is \(rows), but the tokenizer has \(tokenizer.tokenCount) tokens"
            )
        }
        processor = try Qwen25VLImageProcessor(folder: folder, vision: configuration.vision)
        let weights = try Qwen25VLWeights(folder: folder, configuration: configuration)
        tower = weights.tower
        decoder = weights.decoder
        information = ModelInformation(
            family: family,
            name: URL(filePath: folder).standardizedFileURL.lastPathComponent,
            parameterCount: weights.parameterCount,
            fingerprint: try ModelFingerprint.make(folder: folder),
            hiddenSize: configuration.text.hiddenSize,
            layerCount: configuration.text.layerCount,
            visionBlockCount: configuration.vision.blockCount,
            vocabularySize: configuration.text.vocabularySize,
            contextLength: configuration.text.contextLength,
            weightElementType: weights.elementType
        )
    }

    /// Brings an image into the form that ``answerStates(_:cache:isCancelled:)`` takes.
    ///
    /// - Parameter image: Any size up to an aspect ratio of 200.
    /// - Returns: Patches and identity.
    /// - Throws: `ResizeError` for an image that is too thin.
    public func prepare(_ image: PixelImage) throws -> PreparedImage {
        try processor.prepare(image, model: information.fingerprint)
    }

    /// Scores of some tokens as the first token of the answer.
    ///
    /// Only those rows of the output head are multiplied; a score has the same bits whichever others are
    /// asked for.
    ///
    /// - Parameters:
    ///   - state: From this model.
    ///   - tokens: Ids below ``ModelInformation/vocabularySize``.
    /// - Returns: One unnormalised natural-log score a token.
    public func logits(_ state: BranchState, tokens: [Int]) -> [Float] {
        tokens.flatMap { token in
            precondition(
                (0..<information.vocabularySize).contains(token),
                "token \(token) is outside a vocabulary of \(information.vocabularySize)"
            )
            return RowArithmetic.dots(decoder.head, rows: token..<token + 1, with: state.hidden)
        }
    }

    /// Logarithm of the sum of the exponentials of all tokens' scores, padding rows included.
    ///
    /// - Parameter state: From this model.
    /// - Returns: Natural logarithm; NaN when a score is NaN.
    public func logSumExp(_ state: BranchState) -> Float {
        let rows = information.vocabularySize
        let partCount = 64
        let parts = Lock([[Float]](repeating: [], count: partCount))
        Parallel.forEach(partCount) { part in
            let range = (rows * part / partCount)..<(rows * (part + 1) / partCount)
            let scores = RowArithmetic.dots(decoder.head, rows: range, with: state.hidden)
            parts.withLock { $0[part] = scores }
        }
        let scores = parts.withLock { $0 }
        let largest = scores.joined().max() ?? 0
        let sum = scores.joined().reduce(0.0) { $0 + exp(Double($1) - Double(largest)) }
        return Float(Double(largest) + log(sum))
    }
}
