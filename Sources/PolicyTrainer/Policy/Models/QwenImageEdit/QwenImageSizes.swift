import Foundation
import Imaging

/// The sizes that the Qwen-Image-Edit pipelines bring pictures to.
enum QwenImageSizes {
    /// Area of a picture for the text encoder of the 2509 release, in pixels.
    static let conditionArea = 384 * 384

    /// A size of about an area in the aspect ratio of a picture, with sides that are multiples of 32.
    ///
    /// Source: `calculate_dimensions` in huggingface/diffusers 0.42.1,
    /// `pipelines/qwenimage/pipeline_qwenimage_edit_plus.py`; halves are rounded to even. A side is at least 32.
    ///
    /// - Parameters:
    ///   - area: Pixels.
    ///   - picture: Gives the aspect ratio.
    /// - Returns: Width and height in pixels.
    static func fitting(area: Int, _ picture: PixelImage) -> (width: Int, height: Int) {
        let ratio = Double(picture.width) / Double(picture.height)
        let width = (Double(area) * ratio).squareRoot()
        func rounded(_ side: Double) -> Int {
            max(1, Int((side / 32).rounded(.toNearestOrEven))) * 32
        }
        return (rounded(width), rounded(width / ratio))
    }
}

extension PixelImage {
    /// The picture in another size (Lanczos), or itself when it has that size.
    func resizedIfNeeded(_ size: (width: Int, height: Int)) -> PixelImage {
        width == size.width && height == size.height
            ? self : resized(width: size.width, height: size.height, filter: .lanczos)
    }
}
