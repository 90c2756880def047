/// Height and width of an image in packed latent tokens.
struct TokenGrid: Sendable, Equatable {
    /// Rows of tokens.
    var rows: Int
    /// Tokens of a row.
    var columns: Int

    /// Tokens of the image.
    var count: Int { rows * columns }
}
