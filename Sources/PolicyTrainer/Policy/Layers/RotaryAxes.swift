internal import Foundation
internal import Shared

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
        let frequencies = dimensions.enumerated().flatMap { axis, dimension in
            (0..<(dimension / 2)).map { index in
                (axis: axis, value: 1 / pow(theta, Double(2 * index) / Double(dimension)))
            }
        }
        let shape = [positions.count, frequencies.count]
        func tensor(_ function: (Double) -> Double) -> Tensor {
            unsafe Tensor(shape) { target in
                for (row, position) in positions.enumerated() {
                    for (column, frequency) in frequencies.enumerated() {
                        unsafe target[row * frequencies.count + column] =
                            Float(function(Double(position[frequency.axis]) * frequency.value))
                    }
                }
            }
        }
        return RotaryTable(cosine: tensor(cos), sine: tensor(sin))
    }
}
