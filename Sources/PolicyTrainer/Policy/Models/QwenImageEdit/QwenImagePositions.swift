/// Where the tokens of a Qwen-Image transformer stand on its three axes: image, row, column.
///
/// Rows and columns are counted from an image's centre, so that images of different size share it. Text stands on the
/// diagonal behind the largest image.
///
/// Source: `QwenEmbedRope` with `scale_rope` in huggingface/diffusers 0.42.1,
/// `models/transformers/transformer_qwenimage.py`.
enum QwenImagePositions {
    /// Positions of text tokens, then of all images' tokens.
    ///
    /// - Parameters:
    ///   - grids: Target, then references.
    ///   - textTokens: Tokens of the text.
    /// - Returns: Three numbers per token.
    static func all(grids: [TokenGrid], textTokens: Int) -> [[Int]] {
        let first = grids.reduce(0) { max($0, $1.rows / 2, $1.columns / 2) }
        let text = (0..<textTokens).map { [Int](repeating: first + $0, count: 3) }
        return text + grids.enumerated().flatMap { image, grid in positions(of: image, grid) }
    }

    /// Positions of one image's tokens: an even side of 4 counts -2...1, an odd one of 3 counts -2...0.
    private static func positions(of image: Int, _ grid: TokenGrid) -> [[Int]] {
        let (above, left) = (grid.rows - grid.rows / 2, grid.columns - grid.columns / 2)
        return (0..<grid.rows).flatMap { row in
            (0..<grid.columns).map { column in [image, row - above, column - left] }
        }
    }
}
