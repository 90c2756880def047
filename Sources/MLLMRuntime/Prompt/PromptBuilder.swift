/// From turns to a token row.
struct PromptBuilder: Sendable {
    let template: ChatTemplate
    let tokenizer: Tokenizer
    private let ids: [ChatTemplate.SpecialToken: Int]

    /// Looks up the template's tokens.
    ///
    /// - Parameters:
    ///   - template: The template.
    ///   - tokenizer: The model's tokenizer.
    ///   - folder: The model folder, for error messages.
    /// - Throws: ``ModelError/missingToken(_:folder:)``.
    init(template: ChatTemplate, tokenizer: Tokenizer, folder: String) throws(ModelError) {
        self.template = template
        self.tokenizer = tokenizer
        var ids: [ChatTemplate.SpecialToken: Int] = [:]
        for token in template.tokens {
            guard let id = tokenizer.addedToken(token.rawValue) else {
                throw .missingToken(token.rawValue, folder: folder)
            }
            ids[token] = id
        }
        self.ids = ids
    }

    /// The id of one of the template's tokens.
    func id(of token: ChatTemplate.SpecialToken) -> Int { ids[token] ?? 0 }

    /// The whole prompt of one user turn.
    func prompt(_ parts: [PromptPart]) -> Prompt {
        row(template.pieces(of: [ChatTemplate.Turn(role: .user, parts: parts)]))
    }

    /// The beginning of all prompts whose user turn begins with `parts`; its last tokens may differ from
    /// theirs.
    func opening(_ parts: [PromptPart]) -> Prompt {
        row(template.opening(of: [ChatTemplate.Turn(role: .user, parts: parts)]))
    }

    /// The tokens of some pieces.
    ///
    /// Texts without a special token between them are tokenised as one text, as the reference does.
    func row(_ pieces: [ChatTemplate.Piece]) -> Prompt {
        var tokens: [Int] = []
        var images: [Prompt.PlacedImage] = []
        var text = ""
        func flush() {
            tokens += tokenizer.encode(text)
            text = ""
        }
        for piece in pieces {
            switch piece {
            case .text(let more):
                text += more
            case .token(let token):
                flush()
                tokens.append(id(of: token))
            case .image(let image):
                flush()
                images.append(.init(image: image, range: tokens.count..<tokens.count + image.tokenCount))
                tokens += Array(repeating: id(of: .imagePad), count: image.tokenCount)
            }
        }
        flush()
        return Prompt(tokens: tokens, images: images)
    }
}
