extension LanguageVisionModel {
    /// The tokenizer of a model, without its weights.
    ///
    /// - Parameter files: Where the model is.
    /// - Returns: The tokenizer.
    /// - Throws: ``ModelError`` or ``TokenizerError``, naming file and reason.
    package static func tokenizer(of files: ModelFiles) throws -> Tokenizer {
        try files.source().tokenizer()
    }
}
