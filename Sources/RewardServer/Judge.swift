import Imaging
import Shared

/// What scoring asks of a model: look tokens up, and answer groups with logits.
///
/// The seam between the server and the runtime: everything above it works for any model, and tests put models here
/// that are slow, broken or unsure on purpose.
protocol Judge: LabelVocabulary, Sendable {
    /// Which model this is.
    var identity: JudgeIdentity { get }

    /// Does what can be done before the model is free: images in the form that the model takes, texts as tokens.
    ///
    /// - Parameter question: The images, the text and the tokens of interest.
    /// - Returns: The question, for ``answers(to:isCancelled:)``.
    /// - Throws: ``RequestError/sourceImage(_:)`` when the model cannot take the source image.
    func prepare(_ question: JudgeQuestion) throws -> any PreparedQuestion

    /// Runs the prompts of all groups up to the answer position, in one forward pass; no token is generated.
    ///
    /// - Parameters:
    ///   - questions: From ``prepare(_:)``; an answer does not depend on the questions beside its own.
    ///   - isCancelled: Asked between steps; the work ends with a `CancellationError` when it says yes.
    /// - Returns: A reply for each question, in order.
    /// - Throws: What the runtime throws.
    func answers(to questions: [any PreparedQuestion], isCancelled: () -> Bool) throws -> [JudgeReply]
}

/// A question that only waits for the model's time.
protocol PreparedQuestion: Sendable {
    /// Rows of tokens that go through the model when nothing is cached.
    var rowCount: Int { get }
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
    /// Whether ``JudgeAnswer/logSumExp`` is wanted.
    let wantsLogSumExp: Bool
}

/// The logits of one candidate at the answer position.
struct JudgeAnswer: Sendable {
    /// The logits of the question's tokens, in their order.
    let logits: [Float]
    /// The logarithm of the sum of the exponentials of all logits; nil when it was not wanted.
    let logSumExp: Float?
}

/// What a model says about a group, and what it cost.
struct JudgeReply: Sendable {
    /// One answer or failure for each candidate, in order.
    var answers: [Result<JudgeAnswer, ScoreFailure>]
    /// Tokens and images.
    var usage = ScoreUsage()
    /// Time of the forward pass in the vision tower.
    var vision = Duration.zero
    /// Time of the forward pass in the language model.
    var prefill = Duration.zero
    /// Time in the output head.
    var head = Duration.zero
}
