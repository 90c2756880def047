/// Fields beside the sizes that the configurations of all families have.
struct TokenConfiguration: Sendable, Equatable {
    /// Whether the configuration says that the output head is the embedding matrix; see ``TensorSource`` for what
    /// counts.
    let tiesEmbeddings: Bool
    let imageToken: Int
    let visionStartToken: Int
    let visionEndToken: Int

    /// Reads the fields; `tie_word_embeddings` may be true at the top or in `text_config`.
    ///
    /// - Parameters:
    ///   - fields: The fields of config.json.
    ///   - vocabularySize: Rows of the embedding.
    /// - Throws: ``ModelError/field(path:name:reason:)``.
    init(_ fields: JSONFields, vocabularySize: Int) throws(ModelError) {
        let outer = try fields.flag("tie_word_embeddings", fallback: false)
        let inner = try fields.object("text_config")?.flag("tie_word_embeddings", fallback: false) ?? false
        tiesEmbeddings = outer || inner
        let ids = 0...(vocabularySize - 1)
        imageToken = try fields.integer("image_token_id", in: ids, fallback: 151_655)
        visionStartToken = try fields.integer("vision_start_token_id", in: ids, fallback: 151_652)
        visionEndToken = try fields.integer("vision_end_token_id", in: ids, fallback: 151_653)
    }
}
