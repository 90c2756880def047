import Foundation
import Imaging
import MLLMRuntime
import Shared

/// Instruction and pictures to the states of Qwen2.5-VL that the transformer takes for its text.
///
/// The states are those after the final norm, without the tokens of the system turn and of the user turn's head. Those
/// are counted with the tokenizer at hand; diffusers drops 64, which is that count for the published vocabulary, and a
/// published vocabulary that gives another count is refused.
///
/// Pictures have places in rows and columns (M-RoPE), as the model was trained and transformers 4 gives them. With
/// transformers 5 the pipelines of diffusers 0.42.1 forget to say which tokens are pictures and all places lie on a line.
///
/// Source: `_get_qwen_prompt_embeds` in huggingface/diffusers 0.42.1,
/// `pipelines/qwenimage/pipeline_qwenimage_edit.py` and `pipeline_qwenimage_edit_plus.py`.
struct QwenImageConditioner: Sendable {
    /// What the two releases ask of the text encoder.
    enum Variant: Sendable {
        /// One picture, seen as large as the autoencoder sees it.
        case edit
        /// One to three pictures by number, each seen small.
        case plus

        /// How many pictures an edit may have.
        var pictureCounts: ClosedRange<Int> { self == .edit ? 1...1 : 1...3 }
    }

    /// What the system turn says; the model was trained with these very words.
    ///
    /// Source: `prompt_template_encode` in huggingface/diffusers 0.42.1,
    /// `pipelines/qwenimage/pipeline_qwenimage_edit_plus.py`.
    static let systemMessage =
        "Describe the key features of the input image (color, shape, size, texture, objects, background), "
        + "then explain how the user's text instruction should alter or modify the image. Generate a new image "
        + "that meets the user's requirements while maintaining consistency with the original input where "
        + "appropriate."
    /// Tokens of the system turn and the user turn's head in the published vocabulary.
    static let publishedHeaderCount = 64
    /// Text tokens of the published vocabulary; only it has as many.
    private static let publishedVocabularySize = 151_643

    /// The text encoder.
    let model: LanguageVisionModel
    /// Which release.
    let variant: Variant

    /// Loads the text encoder.
    ///
    /// - Parameters:
    ///   - folder: The policy, for error messages.
    ///   - encoder: Folder of Qwen2.5-VL.
    ///   - tokenizer: Folder of its vocabulary.
    ///   - processor: Folder of its image processor's settings.
    ///   - variant: Which release.
    /// - Throws: `ModelError`, `TokenizerError` or `WeightError` that names the file;
    ///   ``PolicyError/mismatch(folder:reason:)`` for a vocabulary that cuts the system turn otherwise.
    init(folder: String, encoder: String, tokenizer: String, processor: String, variant: Variant) throws {
        model = try LanguageVisionModel.load(encoder: encoder, tokenizer: tokenizer, processor: processor)
        self.variant = variant
        let count = model.headerCount(system: Self.systemMessage)
        if model.tokenizer.tokenCount >= Self.publishedVocabularySize, count != Self.publishedHeaderCount {
            throw PolicyError.mismatch(
                folder: folder,
                reason: "the tokenizer makes \(count) tokens of the system turn, "
                    + "the transformer expects \(Self.publishedHeaderCount)"
            )
        }
    }

    /// The states of one edit.
    ///
    /// - Parameters:
    ///   - instruction: What to change.
    ///   - pictures: The pictures in the size that the text encoder sees, before its own resizing.
    /// - Returns: `[tokens, hidden]`, the pictures' tokens first.
    /// - Throws: `ModelError` for a prompt that does not fit; `ResizeError` for a picture that is too thin.
    func states(_ instruction: String, pictures: [PixelImage]) throws -> Tensor {
        var parts: [PromptPart] = []
        for (index, picture) in pictures.enumerated() {
            if variant == .plus { parts.append(.text("Picture \(index + 1): ")) }
            parts.append(.image(try model.prepare(picture)))
        }
        parts.append(.text(instruction))
        let states = try model.hiddenStates(system: Self.systemMessage, user: parts) { Task.isCancelled }
        return states.rows.rows(states.headerCount..<states.rows.rowCount)
    }
}
