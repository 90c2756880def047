import Foundation
import Shared

/// Rotary angles of tokens with a position on several axes.
struct RotaryAxes: Sendable {
    /// Channels that each axis turns; they sum to the channels of a head.
    let dimensions: [Int]
    /// The base of the frequencies.
    let theta: Double

    /// Makes the table: pair `i` of an axis with D channels turns by `position / theta^(2i/D)`.
    ///
    /// Angles are computed in double precision and stored as float32.
    ///
    /// Source: `FluxPosEmbed` in huggingface/diffusers 0.42.1, `models/transformers/transformer_flux.py`.
    ///
    /// - Parameter positions: For each token its position on every axis.
    /// - Returns: `[tokens, half the channels of a head]`.
    func table(_ positions: [[Int]]) -> RotaryTable {
        let frequencies = dimensions.flatMap { dimension in
            (0..<(dimension / 2)).map { 1 / pow(theta, Double(2 * $0) / Double(dimension)) }
        }
        return table(positions) { position, index in Double(position) * frequencies[index] }
    }

    /// Makes the table with frequencies and angles rounded to float32, as Qwen-Image has it.
    ///
    /// Source: `QwenEmbedRope` in huggingface/diffusers 0.42.1, `models/transformers/transformer_qwenimage.py`.
    ///
    /// - Parameter positions: For each token its position on every axis.
    /// - Returns: `[tokens, half the channels of a head]`.
    func singlePrecisionTable(_ positions: [[Int]]) -> RotaryTable {
        let frequencies = dimensions.flatMap { dimension in
            (0..<(dimension / 2)).map { index in
                1 / Float(pow(theta, Double(Float(2 * index) / Float(dimension))))
            }
        }
        return table(positions) { position, index in Double(Float(position) * frequencies[index]) }
    }

    private func table(
        _ positions: [[Int]],
        angle: (_ position: Int, _ frequency: Int) -> Double
    ) -> RotaryTable {
        let axes = dimensions.enumerated().flatMap { [Int](repeating: $0, count: $1 / 2) }
        let shape = [positions.count, axes.count]
        func tensor(_ function: (Double) -> Double) -> Tensor {
            unsafe Tensor(shape) { target in
                for (row, position) in positions.enumerated() {
                    for (column, axis) in axes.enumerated() {
                        unsafe target[row * axes.count + column] =
                            Float(function(angle(position[axis], column)))
                    }
                }
            }
        }
        return RotaryTable(cosine: tensor(cos), sine: tensor(sin))
    }
}
