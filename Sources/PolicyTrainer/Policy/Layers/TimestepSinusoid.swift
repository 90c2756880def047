import Foundation
import Shared

/// The sinusoid that turns a noise level or a guidance strength into the input of an embedding.
enum TimestepSinusoid {
    /// Numbers of one embedding.
    static let width = 256

    /// Angular frequencies `10000^(-j/128)` as PyTorch rounds them.
    ///
    /// The exponent is rounded to float32 twice before the exponential. PyTorch's vector exponential differs from the
    /// nearest float in two entries; an argument of 2500 turns that last bit into an error of 10⁻³ in the model.
    ///
    /// Source: `get_timestep_embedding` in huggingface/diffusers 0.42.1, `models/embeddings.py`; PyTorch 2.13 on AVX-512.
    private static let frequencies: [Float] = {
        let slope = Float(-log(10_000.0))
        var table = (0..<(width / 2)).map { index in
            Float(exp(Double(slope * Float(index) / Float(width / 2))))
        }
        table[12] = 0x1.afd136p-2
        table[106] = 0x1.fe9f5ap-12
        return table
    }()

    /// Cosines, then sines, of 1000 times every number.
    ///
    /// - Parameters:
    ///   - values: Noise levels 0...1, or guidance strengths.
    ///   - scalesLast: Whether the 1000 comes after the frequency, which rounds otherwise; Qwen-Image has it so.
    /// - Returns: `[values.count, 256]`.
    static func embed(_ values: [Float], scalesLast: Bool = false) -> Tensor {
        let half = width / 2
        return unsafe Tensor([values.count, width]) { target in
            for (row, value) in values.enumerated() {
                for index in 0..<half {
                    let frequency = frequencies[index]
                    let angle = Double(scalesLast ? value * frequency * 1000 : value * 1000 * frequency)
                    unsafe target[row * width + index] = Float(cos(angle))
                    unsafe target[row * width + half + index] = Float(sin(angle))
                }
            }
        }
    }
}
