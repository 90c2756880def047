import Shared

/// A normalisation of pixels inside an autoencoder, with a SiLU behind it if asked for.
protocol AutoencoderNorm: Sendable {
    /// Normalises every image of a batch on its own.
    func callAsFunction(_ input: FeatureMap, silu: Bool) -> FeatureMap
}

extension GroupNorm: AutoencoderNorm {}
extension ChannelNorm: AutoencoderNorm {}

/// Two normalised 3×3 convolutions whose result is added to the input.
struct AutoencoderResidual: Sendable {
    let firstNorm: any AutoencoderNorm
    let first: Convolution
    let secondNorm: any AutoencoderNorm
    let second: Convolution
    /// A 1×1 convolution of the input when the channels change.
    let shortcut: Convolution?

    /// Runs the block; the image keeps its size.
    func callAsFunction(_ input: FeatureMap) -> FeatureMap {
        let hidden = secondNorm(first(firstNorm(input, silu: true)), silu: true)
        return second(hidden, adding: shortcut.map { $0(input) } ?? input)
    }
}

/// Attention of every pixel to every pixel of its image, with one head as wide as the channels.
struct AutoencoderAttention: Sendable {
    let norm: any AutoencoderNorm
    let query: EncoderLinear
    let key: EncoderLinear
    let value: EncoderLinear
    let output: EncoderLinear

    /// Runs the block; the image keeps its size.
    func callAsFunction(_ input: FeatureMap) -> FeatureMap {
        let rows = norm(input, silu: false).pixels()
        let (q, k, v) = (query(rows), key(rows), value(rows))
        let tokens = input.height * input.width
        var parts: [Tensor] = []
        for image in 0..<input.batch {
            let range = (image * tokens)..<((image + 1) * tokens)
            parts.append(
                EncoderAttention.attend(
                    query: q.rows(range),
                    key: k.rows(range),
                    value: v.rows(range),
                    heads: 1,
                    scale: 1 / Float(input.channels).squareRoot()
                )
            )
        }
        let pixels = input.pixels()
        let mixed = output(Tensor.concatenatingRows(parts)).reshaped(pixels.shape)
        return FeatureMap(Elementwise.sum(mixed, pixels))
    }
}

/// The coarsest resolution of encoder or decoder.
struct AutoencoderMiddle: Sendable {
    let first: AutoencoderResidual
    let attention: AutoencoderAttention?
    let second: AutoencoderResidual

    /// Runs the blocks in order; the image keeps its size.
    func callAsFunction(_ input: FeatureMap) -> FeatureMap {
        let hidden = first(input)
        return second(attention.map { $0(hidden) } ?? hidden)
    }
}

/// The layers of one resolution and the step to the next.
struct AutoencoderStage: Sendable {
    let residuals: [AutoencoderResidual]
    /// Halves or doubles the image; nil at the end.
    let resize: Convolution?

    /// Runs the layers, then the change of size.
    func callAsFunction(_ input: FeatureMap) -> FeatureMap {
        let hidden = residuals.reduce(input) { $1($0) }
        return resize.map { $0(hidden) } ?? hidden
    }
}
