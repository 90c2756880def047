import Shared

/// What the transformer sees of one instruction.
struct TextConditioning: Sendable {
    /// A state per token of T5, `[tokens, joint width]`.
    let text: Tensor
    /// The pooled vector of CLIP, `[pooled width]`.
    let pooled: Tensor
}

/// Instructions to the states of both text encoders.
///
/// Each instruction is encoded by itself, so its bits do not depend on the others.
/// Source: huggingface/diffusers 0.42.1, `pipelines/flux/pipeline_flux_kontext.py`, `encode_prompt`.
struct TextConditioner: Sendable {
    /// The tokenizer of ``clip``.
    let clipTokenizer: CLIPTokenizer
    /// The encoder of the pooled vector.
    let clip: CLIPEncoder
    /// The tokenizer of ``t5``.
    let t5Tokenizer: T5Tokenizer
    /// The encoder of the states.
    let t5: T5Encoder
    /// Tokens that CLIP's input is padded or cut to.
    let clipLength: Int

    /// Loads both encoders and tokenizers of a policy.
    ///
    /// - Parameters:
    ///   - folder: The policy, for error messages.
    ///   - tokenizer: Folder of CLIP's tokenizer.
    ///   - encoder: Folder of CLIP.
    ///   - secondTokenizer: Folder of T5's tokenizer.
    ///   - secondEncoder: Folder of T5.
    /// - Throws: Errors of the parts, or ``PolicyError/mismatch(folder:reason:)``.
    init(
        folder: String,
        tokenizer: String,
        encoder: String,
        secondTokenizer: String,
        secondEncoder: String
    ) throws {
        clipTokenizer = try CLIPTokenizer(folder: tokenizer)
        t5Tokenizer = try T5Tokenizer(folder: secondTokenizer)
        clip = try CLIPEncoder(folder: encoder)
        t5 = try T5Encoder(folder: secondEncoder)
        clipLength = clipTokenizer.maximumLength ?? clip.configuration.maximumPositions
        func check(_ holds: Bool, _ reason: @autoclosure () -> String) throws {
            if !holds { throw PolicyError.mismatch(folder: folder, reason: reason()) }
        }
        let positions = clip.configuration.maximumPositions
        try check(
            clipLength <= positions,
            "tokenizer gives \(clipLength) tokens, text_encoder has \(positions) positions"
        )
        for (name, largest, size) in [
            ("tokenizer", clipTokenizer.largestID, clip.configuration.vocabularySize),
            ("tokenizer_2", t5Tokenizer.largestID, t5.configuration.vocabularySize),
        ] {
            try check(largest < size, "\(name) has token id \(largest), its encoder only \(size) tokens")
        }
    }

    /// Encodes instructions.
    ///
    /// - Parameters:
    ///   - instructions: The texts.
    ///   - length: Tokens that T5's input is padded or cut to; it changes the result.
    /// - Returns: One conditioning per instruction, in order.
    func condition(_ instructions: [String], length: Int) -> [TextConditioning] {
        instructions.map { instruction in
            TextConditioning(
                text: t5.encode(t5Tokenizer.encode(instruction, length: length)),
                pooled: clip.pooled(clipTokenizer.encode(instruction, length: clipLength))
            )
        }
    }
}
