import Shared

/// What a ``FluxTransformer`` predicts the velocity from, for a batch of samples.
struct FluxInput: Sendable {
    /// Packed noisy latents, `[batch, targetTokens, channels]`.
    var target: Tensor
    /// Packed latents of the source image, `[batch, referenceTokens, channels]`.
    var reference: Tensor
    /// States of the text encoder, `[batch, textTokens, jointDimension]`.
    var text: Tensor
    /// Pooled text embedding, `[batch, pooledDimension]`.
    var pooled: Tensor
    /// Noise level of every sample, 0...1.
    var sigma: [Float]
    /// Guidance strength of every sample, when the model embeds it.
    var guidance: [Float]?
    /// Grid of the target; rows · columns = targetTokens.
    var targetGrid: TokenGrid
    /// Grid of the reference; rows · columns = referenceTokens.
    var referenceGrid: TokenGrid

    /// How many samples.
    var batch: Int { sigma.count }

    /// Checks that everything fits the model and itself; a mismatch is a bug of the caller.
    func check(_ configuration: FluxConfiguration) {
        let channels = configuration.inputChannels
        precondition(
            batch > 0
                && target.shape == [batch, targetGrid.count, channels]
                && reference.shape == [batch, referenceGrid.count, channels]
                && text.shape.count == 3 && text.shape[0] == batch
                && text.shape[2] == configuration.jointDimension
                && pooled.shape == [batch, configuration.pooledDimension],
            "target \(target.shape), reference \(reference.shape), text \(text.shape) and pooled \(pooled.shape) "
                + "do not fit grids \(targetGrid), \(referenceGrid) of \(batch) samples of \(configuration)"
        )
        precondition(
            (guidance?.count ?? 0) == (configuration.hasGuidance ? batch : 0),
            "guidance is \(guidance.map { "\($0.count) numbers" } ?? "absent") for \(batch) samples; "
                + "the model \(configuration.hasGuidance ? "embeds" : "does not embed") it"
        )
    }
}
