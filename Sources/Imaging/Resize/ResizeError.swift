/// Why an image cannot take a size.
package enum ResizeError: Error, Hashable, CustomStringConvertible {
    /// One side is more than ``ResizePlan/maximumAspectRatio`` times the other.
    case tooThin(width: Int, height: Int)
    /// The part to cut out is larger than the image.
    case cropTooLarge(width: Int, height: Int, cropWidth: Int, cropHeight: Int)

    /// One line: what does not fit and what to do.
    package var description: String {
        switch self {
        case .tooThin(let width, let height):
            """
            an image of \(width)×\(height) pixels is thinner than 1 : \(Int(ResizePlan.maximumAspectRatio)); \
            crop it first
            """
        case .cropTooLarge(let width, let height, let cropWidth, let cropHeight):
            """
            cannot cut \(cropWidth)×\(cropHeight) pixels out of an image of \(width)×\(height); \
            resize it first
            """
        }
    }
}
