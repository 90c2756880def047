import Imaging
import Shared

/// What scoring asks of a model: look tokens up, and answer one group with logits.
///
/// The seam between the server and the runtime: everything above it works for any model, and tests put models here
/// that are slow, broken or unsure on purpose.
protocol Judge: LabelVocabulary, Sendable {
    /// Which model this is.
    var identity: JudgeIdentity { get }

    /// Runs the prompts of one group up to the answer position; no token is generated.
    ///
    /// - Parameters:
    ///   - question: The images, the text and the tokens of interest.
    ///   - isCancelled: Asked between steps; the work ends with a `CancellationError` when it says yes.
    /// - Returns: One answer or failure for each candidate, in order.
    /// - Throws: ``RequestError/sourceImage(_:)`` when the model cannot take the source image; what the runtime throws.
    func answers(to question: JudgeQuestion, isCancelled: () -> Bool) throws -> JudgeReply
}

/// Which model judges, and what made it.
struct JudgeIdentity: Sendable, Hashable {
    /// The name that requests may ask for.
    let name: String
    /// The architecture, such as `qwen2_5_vl`.
    let family: String
    /// Number of weights.
    let parameterCount: Int
    /// The arithmetic of its linear layers: `f32`, `bf16` or `int8`.
    var precision = "f32"
    /// The identity of the model's files and of its arithmetic, `sha256:…`.
    let fingerprint: String
    /// The identity of the image preprocessing, `sha256:…`.
    let preprocessHash: String
}

/// One group, ready for a model.
struct JudgeQuestion: Sendable {
    /// The image before the edit.
    let source: PixelImage
    /// The candidates.
    let candidates: [PixelImage]
    /// The filled template.
    let text: String
    /// The order of source, candidate and text in each prompt.
    let order: RubricOrder
    /// The ids whose logits are wanted.
    let tokens: [Int]
}

/// The logits of one candidate at the answer position.
struct JudgeAnswer: Sendable {
    /// The logits of the question's tokens, in their order.
    let logits: [Float]
    /// The logarithm of the sum of the exponentials of all logits.
    let logSumExp: Float
}

/// What a model says about a group, and what it cost.
struct JudgeReply: Sendable {
    /// One answer or failure for each candidate, in order.
    var answers: [Result<JudgeAnswer, ScoreFailure>]
    /// Tokens and images.
    var usage = ScoreUsage()
    /// Time in the vision tower.
    var vision = Duration.zero
    /// Time in the language model.
    var prefill = Duration.zero
    /// Time in the output head.
    var head = Duration.zero
}
