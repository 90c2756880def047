/// Which size an image gets before a model sees it: first resized, then cut to its centre.
package struct ResizePlan: Sendable, Hashable {
    /// Longest side over shortest side that ``smart(width:height:factor:minimumPixels:maximumPixels:)``
    /// takes.
    package static let maximumAspectRatio = 200.0

    /// Width after resizing, in pixels.
    package let resizedWidth: Int
    /// Height after resizing, in pixels.
    package let resizedHeight: Int
    /// Width of the result, in pixels, at most ``resizedWidth``.
    package let width: Int
    /// Height of the result, in pixels, at most ``resizedHeight``.
    package let height: Int

    private init(resizedWidth: Int, resizedHeight: Int, width: Int, height: Int) {
        self.resizedWidth = resizedWidth
        self.resizedHeight = resizedHeight
        self.width = width
        self.height = height
    }

    /// Exactly this size, whatever becomes of the aspect ratio; nothing is cut.
    ///
    /// - Parameters:
    ///   - width: Width of the result, in pixels.
    ///   - height: Height of the result, in pixels.
    /// - Returns: The plan.
    package static func exact(width: Int, height: Int) -> ResizePlan {
        ResizePlan(resizedWidth: width, resizedHeight: height, width: width, height: height)
    }

    /// The size that Qwen-VL models want: both sides multiples of a factor, the area within bounds, the
    /// aspect ratio as close as possible.
    ///
    /// Both sides are rounded to the nearest multiple, halves to the even one. If the area is then too large,
    /// the sides are divided by `b = √(height·width / maximumPixels)` and rounded down (at least one factor);
    /// if it is too small, multiplied by `b = √(minimumPixels / (height·width))` and rounded up. All in
    /// double precision.
    ///
    /// - Parameters:
    ///   - width: Width of the image, in pixels.
    ///   - height: Height of the image, in pixels.
    ///   - factor: Patch size times merge size, in pixels.
    ///   - minimumPixels: Smallest area of the result, at least 1.
    ///   - maximumPixels: Largest area of the result.
    /// - Returns: The plan; nothing is cut.
    /// - Throws: ``ResizeError/tooThin(width:height:)`` beyond ``maximumAspectRatio``.
    ///
    /// Source: `smart_resize` in `transformers/models/qwen2_vl/image_processing_pil_qwen2_vl.py` 5.23.0.
    package static func smart(
        width: Int,
        height: Int,
        factor: Int,
        minimumPixels: Int,
        maximumPixels: Int
    ) throws(ResizeError) -> ResizePlan {
        precondition(
            width > 0 && height > 0 && factor > 0 && minimumPixels > 0,
            "sizes must be positive: \(width)×\(height), factor \(factor), at least \(minimumPixels) pixels"
        )
        let (exactWidth, exactHeight, step) = (Double(width), Double(height), Double(factor))
        if max(exactWidth, exactHeight) / min(exactWidth, exactHeight) > maximumAspectRatio {
            throw .tooThin(width: width, height: height)
        }
        func multiple(_ length: Double, _ rule: FloatingPointRoundingRule) -> Int {
            Int((length / step).rounded(rule)) * factor
        }
        let area = Double(width * height)
        let nearest = exact(
            width: multiple(exactWidth, .toNearestOrEven),
            height: multiple(exactHeight, .toNearestOrEven)
        )
        if nearest.width * nearest.height > maximumPixels {
            let shrink = (area / Double(maximumPixels)).squareRoot()
            return exact(
                width: max(factor, multiple(exactWidth / shrink, .down)),
                height: max(factor, multiple(exactHeight / shrink, .down))
            )
        }
        if nearest.width * nearest.height < minimumPixels {
            let growth = (Double(minimumPixels) / area).squareRoot()
            return exact(
                width: multiple(exactWidth * growth, .up),
                height: multiple(exactHeight * growth, .up)
            )
        }
        return nearest
    }

    /// Fills a size without changing the aspect ratio: resized to cover it, then cut to its centre.
    ///
    /// The longer side is rounded to the nearest pixel, halves to the even one, and is at least its target.
    ///
    /// - Parameters:
    ///   - width: Width of the image, in pixels.
    ///   - height: Height of the image, in pixels.
    ///   - targetWidth: Width of the result, in pixels.
    ///   - targetHeight: Height of the result, in pixels.
    /// - Returns: The plan.
    package static func covering(
        width: Int,
        height: Int,
        targetWidth: Int,
        targetHeight: Int
    ) -> ResizePlan {
        precondition(
            min(width, height, targetWidth, targetHeight) > 0,
            "sizes must be positive: \(width)×\(height) to \(targetWidth)×\(targetHeight)"
        )
        let scale = max(Double(targetWidth) / Double(width), Double(targetHeight) / Double(height))
        return ResizePlan(
            resizedWidth: max(targetWidth, Int((Double(width) * scale).rounded(.toNearestOrEven))),
            resizedHeight: max(targetHeight, Int((Double(height) * scale).rounded(.toNearestOrEven))),
            width: targetWidth,
            height: targetHeight
        )
    }
}
