/// What the sizes of a policy's transformer alone tell: parameters, adapter and arithmetic.
///
/// Blocks of both families are alike in this: a block with two streams or one takes 12 · width² multiply-adds a token.
protocol TransformerSizes {
    /// Blocks with a stream each for text and image.
    var doubleBlockCount: Int { get }
    /// Blocks with one stream.
    var singleBlockCount: Int { get }
    /// Width of the streams.
    var width: Int { get }
    /// Whether guidance strength is an input.
    var hasGuidance: Bool { get }
    /// Shape of every tensor by its diffusers name.
    var tensorShapes: [String: [Int]] { get }
}

extension TransformerSizes {
    /// How many numbers the transformer holds; 11,901,408,320 for FLUX.1-Kontext-dev and 20,430,401,088 for
    /// Qwen-Image-Edit.
    var parameterCount: Int { tensorShapes.values.reduce(0) { $0 + $1.reduce(1, *) } }

    /// How many numbers an adapter on the published targets trains: eight maps of a double block, three of a single one.
    ///
    /// - Parameter rank: Rows of A and columns of B.
    /// - Returns: Numbers of all pairs together.
    func publishedAdapterParameterCount(rank: Int) -> Int {
        (8 * doubleBlockCount + 3 * singleBlockCount) * 2 * width * rank
    }

    /// Floating-point operations of a forward pass of one sample, two for a multiply-add.
    ///
    /// Every token takes 12 · width² multiply-adds in each block; attention takes 2 · tokens² · width. Layers that act on
    /// one vector a sample are left out: together they are below a thousandth.
    ///
    /// - Parameter tokens: Text, target and reference tokens.
    /// - Returns: Operations.
    func operations(tokens: Int) -> Double {
        linearOperations(tokens) + attentionOperations(tokens)
    }

    /// Floating-point operations of one training item: predictions of the old, the reference and the current policy, the
    /// gradient by the adapter (the inputs of all linear maps, 2.5 times the attention), and the blocks computed again.
    ///
    /// - Parameter tokens: Text, target and reference tokens.
    /// - Returns: Operations.
    func trainingOperations(tokens: Int) -> Double {
        4 * operations(tokens: tokens) + linearOperations(tokens) + 2.5 * attentionOperations(tokens)
    }

    private func linearOperations(_ tokens: Int) -> Double {
        Double(doubleBlockCount + singleBlockCount) * 24 * Double(width) * Double(width) * Double(tokens)
    }

    private func attentionOperations(_ tokens: Int) -> Double {
        Double(doubleBlockCount + singleBlockCount) * 4 * Double(tokens) * Double(tokens) * Double(width)
    }
}
