import Shared

/// Packs 2×2 latent pixels into one token of the transformer and back.
///
/// Channel c of latent pixel (2r + dy, 2k + dx) becomes channel 4c + 2dy + dx of token r · columns + k.
/// Source: huggingface/diffusers 0.42.1, `pipelines/flux/pipeline_flux_kontext.py`.
enum LatentPacking {
    /// Packs latents.
    ///
    /// - Parameter latents: `[batch, height, width, channels]` with even height and width.
    /// - Returns: `[batch, height/2 · width/2, 4 · channels]`.
    static func pack(_ latents: Tensor) -> Tensor {
        let shape = latents.shape
        precondition(
            shape.count == 4 && shape[1] % 2 == 0 && shape[2] % 2 == 0,
            "latents \(shape) do not pack into 2×2 pixels"
        )
        let (rows, columns, channels) = (shape[1] / 2, shape[2] / 2, shape[3])
        return unsafe latents.withUnsafeBuffer { source in
            unsafe Tensor([shape[0], rows * columns, 4 * channels]) { target in
                forEachNumber(batch: shape[0], rows: rows, columns: columns, channels: channels) {
                    unsafe target[$1] = source[$0]
                }
            }
        }
    }

    /// Undoes ``pack(_:)``.
    ///
    /// - Parameters:
    ///   - packed: `[batch, tokens, 4 · channels]`.
    ///   - rows: Token rows.
    ///   - columns: Token columns.
    /// - Returns: `[batch, 2 · rows, 2 · columns, channels]`.
    static func unpack(_ packed: Tensor, rows: Int, columns: Int) -> Tensor {
        let shape = packed.shape
        precondition(
            shape.count == 3 && shape[1] == rows * columns && shape[2] % 4 == 0,
            "tokens \(shape) do not fill a grid of \(rows)×\(columns)"
        )
        let channels = shape[2] / 4
        return unsafe packed.withUnsafeBuffer { source in
            unsafe Tensor([shape[0], 2 * rows, 2 * columns, channels]) { target in
                forEachNumber(batch: shape[0], rows: rows, columns: columns, channels: channels) {
                    unsafe target[$0] = source[$1]
                }
            }
        }
    }

    /// Calls `body` with the place of every number in the latents and in the tokens.
    private static func forEachNumber(
        batch: Int,
        rows: Int,
        columns: Int,
        channels: Int,
        _ body: (_ latent: Int, _ token: Int) -> Void
    ) {
        for image in 0..<batch {
            for y in 0..<(2 * rows) {
                for x in 0..<(2 * columns) {
                    let latent = ((image * 2 * rows + y) * 2 * columns + x) * channels
                    let token = (image * rows + y / 2) * columns + x / 2
                    let start = token * 4 * channels + 2 * (y % 2) + x % 2
                    for channel in 0..<channels {
                        body(latent + channel, start + 4 * channel)
                    }
                }
            }
        }
    }
}
