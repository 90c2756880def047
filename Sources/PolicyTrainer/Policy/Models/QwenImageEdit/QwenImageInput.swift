import Shared

/// What a ``QwenImageTransformer`` predicts the velocity from, for a batch of samples.
struct QwenImageInput: Sendable {
    /// Packed noisy latents, `[batch, targetTokens, channels]`.
    var target: Tensor
    /// Packed latents of the reference images one behind the other, `[batch, referenceTokens, channels]`.
    var references: Tensor
    /// States of the text encoder, padded on the right, `[batch, textTokens, jointDimension]`.
    var text: Tensor
    /// Tokens of each sample's text that are no padding, at least 1.
    var textLengths: [Int]
    /// Noise level of every sample, 0...1.
    var sigma: [Float]
    /// Grid of the target; rows · columns = targetTokens.
    var targetGrid: TokenGrid
    /// Grid of every reference image; their tokens sum to referenceTokens.
    var referenceGrids: [TokenGrid]

    /// How many samples.
    var batch: Int { sigma.count }

    /// Checks that everything fits the model and itself; a mismatch is a bug of the caller.
    func check(_ configuration: QwenImageConfiguration) {
        let channels = configuration.inputChannels
        let referenceTokens = referenceGrids.reduce(0) { $0 + $1.count }
        precondition(
            batch > 0
                && target.shape == [batch, targetGrid.count, channels]
                && references.shape == [batch, referenceTokens, channels]
                && text.shape.count == 3 && text.shape[0] == batch
                && text.shape[2] == configuration.jointDimension,
            "target \(target.shape), references \(references.shape) and text \(text.shape) do not fit grids "
                + "\(targetGrid), \(referenceGrids) of \(batch) samples of \(configuration)"
        )
        precondition(
            textLengths.count == batch && textLengths.allSatisfy { (1...text.shape[1]).contains($0) },
            "text lengths \(textLengths) do not fit text \(text.shape)"
        )
    }
}
