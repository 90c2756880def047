import Foundation
import Shared

/// Cosines and sines by which the heads of some rows are rotated.
struct RotaryAngles: Sendable {
    /// `[rows, headDimension / 2]`.
    let cosines: Tensor
    /// `[rows, headDimension / 2]`.
    let sines: Tensor

    /// Computes the angles `position · frequency` in float32, as the reference does.
    ///
    /// - Parameters:
    ///   - rows: How many rows.
    ///   - frequencies: `[headDimension / 2]`, radians per position.
    ///   - position: The position that a row turns a frequency with.
    init(rows: Int, frequencies: [Float], position: (_ row: Int, _ frequency: Int) -> Int) {
        let width = frequencies.count
        var cosines = [Float](repeating: 0, count: rows * width)
        var sines = cosines
        for row in 0..<rows {
            for (index, frequency) in frequencies.enumerated() {
                let angle = Float(position(row, index)) * frequency
                cosines[row * width + index] = cos(angle)
                sines[row * width + index] = sin(angle)
            }
        }
        self.cosines = Tensor(cosines, shape: [rows, width])
        self.sines = Tensor(sines, shape: [rows, width])
    }

    private init(cosines: Tensor, sines: Tensor) {
        self.cosines = cosines
        self.sines = sines
    }

    /// The angles of some rows.
    func gatheringRows(_ rows: [Int]) -> RotaryAngles {
        RotaryAngles(cosines: cosines.gatheringRows(rows), sines: sines.gatheringRows(rows))
    }

    /// Rotates heads in place.
    func rotate(_ x: inout Tensor, headCount: Int, headDimension: Int) {
        HalfRotary.apply(
            &x,
            cosines: cosines,
            sines: sines,
            headCount: headCount,
            headDimension: headDimension
        )
    }

    /// `theta^(−2i / dimension)` for i in 0 ..< dimension / 2.
    ///
    /// Source: Su et al., arXiv:2104.09864, section 3.2.2; power and quotient are rounded to float32 one
    /// after the other, as in huggingface/transformers.
    static func frequencies(theta: Double, dimension: Int) -> [Float] {
        (0..<dimension / 2).map { index in
            1 / Float(pow(theta, Double(Float(2 * index) / Float(dimension))))
        }
    }
}
