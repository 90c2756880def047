import Imaging
package import Shared

/// The states of a prompt's tokens, as an image model takes them for its text.
package struct PromptStates: Sendable {
    /// States after the final norm, `[tokens, hiddenSize]`.
    package let rows: Tensor
    /// Tokens of the system turn and of the head of the user's turn, which come first.
    package let headerCount: Int
}

extension LanguageVisionModel {
    /// Loads a model whose parts a diffusers pipeline keeps in folders of their own.
    ///
    /// - Parameters:
    ///   - encoder: Path of the folder with config.json and weights.
    ///   - tokenizer: Path of the folder with the vocabulary.
    ///   - processor: Path of the folder with preprocessor_config.json.
    /// - Returns: The model.
    /// - Throws: ``ModelError``, ``TokenizerError`` or `WeightError`, naming file and reason.
    package static func load(
        encoder: String,
        tokenizer: String,
        processor: String
    ) throws -> LanguageVisionModel {
        let parts = PipelineParts(encoder: encoder, tokenizerFolder: tokenizer, processor: processor)
        // The trainer runs products side by side, and its policies were compared with float32 conditions.
        return try LanguageVisionModel(ModelPlan(parts, precision: .f32))
    }

    /// How many tokens the system turn and the head of the user's turn take.
    ///
    /// - Parameter system: What the system turn says.
    /// - Returns: The count.
    package func headerCount(system: String) -> Int {
        builder.row(builder.template.opening(of: Self.turns(system: system, user: []))).tokens.count
    }

    /// States of all tokens of a prompt that ends where the answer begins.
    ///
    /// - Parameters:
    ///   - system: What the system turn says.
    ///   - user: What the user's turn says.
    ///   - isCancelled: Asked between blocks and layers.
    /// - Returns: The states and the count of those that come before what the user says.
    /// - Throws: ``ModelError`` for a prompt that does not fit; `CancellationError`.
    package func hiddenStates(
        system: String,
        user: [PromptPart],
        isCancelled: () -> Bool = { false }
    ) throws -> PromptStates {
        let prompt = builder.row(builder.template.pieces(of: Self.turns(system: system, user: user)))
        try check(prompt)
        let features = try encode(imagesOf: [[prompt]], from: [0], cache: nil, isCancelled: isCancelled)
        let count = prompt.tokens.count
        let embedded = embed([(prompt, 0..<count)], features.images)
        let result = try decoder.run(
            embedded.rows,
            positions: prompt.positions,
            deepstack: embedded.deepstack,
            branches: [.init(0..<count)],
            purpose: .allRows,
            isCancelled: isCancelled
        )
        return PromptStates(
            rows: result.hidden ?? Tensor(zeros: [0, information.hiddenSize]),
            headerCount: headerCount(system: system)
        )
    }

    private static func turns(system: String, user: [PromptPart]) -> [ChatTemplate.Turn] {
        [
            ChatTemplate.Turn(role: .system, parts: [.text(system)]),
            ChatTemplate.Turn(role: .user, parts: user),
        ]
    }
}
