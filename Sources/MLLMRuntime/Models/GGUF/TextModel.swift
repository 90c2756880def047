package import Shared

/// The decoder of a GGUF file without a vision tower: text in, the next token's probabilities out.
///
/// For comparisons with other runtimes on real weights; a judge of images is a ``LanguageVisionModel``. Takes the
/// architectures `qwen2`, `qwen2vl`, `qwen3` and `qwen3vl`.
package final class TextModel: Sendable {
    /// The tokenizer.
    package let tokenizer: Tokenizer

    /// The arithmetic of linear layers.
    package let linearPrecision: Precision

    let decoder: LanguageDecoder

    /// Loads a decoder.
    ///
    /// - Parameters:
    ///   - path: A .gguf file.
    ///   - precision: The arithmetic of linear layers.
    /// - Throws: ``ModelError``, ``GGUFModelError``, ``TokenizerError`` or `WeightError`, naming file and reason.
    package init(gguf path: String, precision: PrecisionChoice = .auto) throws {
        let file = try GGUFTextFile(path: path)
        tokenizer = try file.tokenizer()
        // Text decoders are those of the families: with one position a token, M-RoPE is plain RoPE.
        let isThird = file.architecture == .qwen3 || file.architecture == .qwen3VL
        let configuration = try DecoderConfiguration(
            JSONFields(path: path, fields: try file.configuration()),
            family: isThird ? .qwen3VL : .qwen25VL,
            traits: isThird ? .qwen3VL : .qwen25VL
        )
        var source = try TensorSource(
            GGUFWeights(file),
            shapes: configuration.shapes,
            saysTied: file.tiesEmbeddings
        )
        source.precision = try ModelPrecision(precision, for: source)
        linearPrecision = source.precision.linear
        decoder = try LanguageDecoder(configuration, source)
    }

    /// The tokens that are likeliest after some tokens.
    ///
    /// - Parameters:
    ///   - tokens: Ids below the vocabulary's size, at least one.
    ///   - count: How many to give.
    /// - Returns: Most likely first.
    /// - Throws: ``ModelError/promptTooLong(tokens:limit:)``, ``ModelError/unknownToken(id:vocabulary:)``.
    package func nextTokens(after tokens: [Int], count: Int) throws -> [NextToken] {
        NextToken.likeliest(count, of: try decoder.scores(after: tokens))
    }
}
