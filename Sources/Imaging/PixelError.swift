/// Why floats are not an image.
package enum PixelError: Error, Hashable, CustomStringConvertible {
    /// There are more or fewer values than pixels.
    case wrongCount(count: Int, width: Int, height: Int)
    /// A value is NaN or infinite.
    case nonFinite(index: Int)

    /// One line: what is wrong and what to look at.
    package var description: String {
        switch self {
        case .wrongCount(let count, let width, let height):
            "\(count) values are no RGB image of \(width)×\(height) pixels; check the shape of the tensor"
        case .nonFinite(let index):
            "value \(index) of the image is not finite; check what made it (weights, precision, sampler)"
        }
    }
}
