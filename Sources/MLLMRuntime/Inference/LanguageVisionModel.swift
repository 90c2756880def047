import Foundation
package import Imaging
import Shared

/// A model that reads images and text: weights, tokenizer and chat template.
///
/// Immutable, so several threads may use it.
package final class LanguageVisionModel: Sendable {
    /// Facts about the model.
    package let information: ModelInformation
    /// The model's tokenizer.
    package let tokenizer: Tokenizer

    let builder: PromptBuilder
    let processor: ImageProcessor
    let tower: any VisionTower
    let decoder: LanguageDecoder
    let costs: ModelCosts

    /// Loads a Hugging Face folder.
    ///
    /// - Parameter folder: Path of a folder with config.json, preprocessor_config.json, tokenizer files, a
    ///   chat template and safetensors files.
    /// - Returns: The model.
    /// - Throws: ``ModelError``, ``TokenizerError`` or `WeightError`, naming file and reason.
    package static func load(folder: String) throws -> LanguageVisionModel {
        try load(.folder(folder))
    }

    /// Loads a model.
    ///
    /// - Parameters:
    ///   - files: Where the model is.
    ///   - checkWeights: Whether to look at every number of the weights; norms, biases and all weights of
    ///     small models are always looked at.
    ///   - precision: The arithmetic of linear layers.
    ///   - maximumPixels: Largest area of a picture that the model sees; nil takes the model's own.
    ///   - packedFolder: A folder that keeps packed weights for the next start; nil keeps none.
    ///   - progress: Told which share of the model has been taken in, 0 to 1, from the calling thread.
    /// - Returns: The model.
    /// - Throws: ``ModelError``, ``TokenizerError`` or `WeightError`, naming file and reason; an error of the file
    ///   system when packed weights cannot be kept.
    package static func load(
        _ files: ModelFiles,
        checkWeights: Bool = false,
        precision: PrecisionChoice = .auto,
        maximumPixels: Int? = nil,
        packedFolder: String? = nil,
        progress: @escaping @Sendable (_ share: Double) -> Void = { _ in }
    ) throws -> LanguageVisionModel {
        var plan = try ModelPlan(try files.source(), precision: precision, maximumPixels: maximumPixels)
        if checkWeights {
            try plan.tensors.checkAllFinite()
        }
        let total = Double(max(1, plan.tensors.parameterCount))
        let done = Lock(0)
        plan.tensors.progress = { count in
            let sum = done.withLock { done in
                done += count
                return done
            }
            progress(min(1, Double(sum) / total))
        }
        if let packedFolder, plan.tensors.precision.linear != .float32 {
            let name = plan.information.fingerprint.hexadecimal
            plan.tensors.packed = PackedCache(path: "\(packedFolder)/\(name).packed")
        }
        let model = try LanguageVisionModel(plan)
        try plan.tensors.packed?.save()
        return model
    }

    /// Finds out what can be known of a model without reading its weights.
    ///
    /// - Parameters:
    ///   - files: Where the model is.
    ///   - precision: The arithmetic that it would be loaded for.
    ///   - maximumPixels: Largest area of a picture that the model sees; nil takes the model's own.
    /// - Returns: Facts and estimates.
    /// - Throws: ``ModelError``, ``TokenizerError`` or `WeightError`, naming file and reason.
    package static func inspect(
        _ files: ModelFiles,
        precision: PrecisionChoice = .auto,
        maximumPixels: Int? = nil
    ) throws -> ModelInformation {
        try ModelPlan(try files.source(), precision: precision, maximumPixels: maximumPixels).information
    }

    init(_ plan: ModelPlan) throws {
        information = plan.information
        tokenizer = plan.tokenizer
        builder = plan.builder
        processor = plan.processor
        costs = plan.costs
        tower = try plan.configuration.tower(plan.tensors)
        decoder = try LanguageDecoder(plan.configuration.text, plan.tensors)
    }

    /// Brings an image into the form that ``answerStates(_:cache:isCancelled:)`` takes.
    ///
    /// - Parameter image: Any size up to an aspect ratio of 200.
    /// - Returns: Patches and identity.
    /// - Throws: `ResizeError` for an image that is too thin.
    package func prepare(_ image: PixelImage) throws -> PreparedImage {
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
    package func logits(_ state: BranchState, tokens: [Int]) -> [Float] {
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
    package func logSumExp(_ state: BranchState) -> Float {
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
