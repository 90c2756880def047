import Shared

/// Guidance away from an empty text that keeps the length of every token.
///
/// `u = v₋ + w (v₊ - v₋)`, then `u ‖v₊‖ / ‖u‖` for each token. A token whose u is zero stays zero: it has no direction to
/// keep, and diffusers' division has no guard.
///
/// Source: huggingface/diffusers 0.42.1, `pipelines/qwenimage/pipeline_qwenimage_edit_plus.py`.
enum QwenImageGuidance {
    /// Combines two velocities.
    ///
    /// - Parameters:
    ///   - guided: Velocity with the instruction, `[…, channels]`.
    ///   - unguided: Velocity with the empty text, of the same shape.
    ///   - scale: w; 1 gives the guided velocity up to rounding.
    /// - Returns: The combination, of the same shape.
    static func combine(guided: Tensor, unguided: Tensor, scale: Float) -> Tensor {
        let width = guided.columnCount
        precondition(guided.shape == unguided.shape, "\(guided.shape) meets \(unguided.shape)")
        return unsafe guided.withUnsafeBuffer { positive in
            unsafe unguided.withUnsafeBuffer { negative in
                unsafe Tensor(guided.shape) { target in
                    for row in 0..<guided.rowCount {
                        var (wanted, found) = (Float(0), Float(0))
                        for index in (row * width)..<((row + 1) * width) {
                            let (plus, minus) = unsafe (positive[index], negative[index])
                            let value = minus + scale * (plus - minus)
                            unsafe target[index] = value
                            wanted += plus * plus
                            found += value * value
                        }
                        let factor = found > 0 ? wanted.squareRoot() / found.squareRoot() : 0
                        for index in (row * width)..<((row + 1) * width) {
                            unsafe target[index] *= factor
                        }
                    }
                }
            }
        }
    }
}
